//! Words of an action or an expectation, with their places, and what is wrong with them.

use std::ops::Range;

use crate::overlay::{AskKind, Protocol};
use crate::topology::diagnose::suggest;
use crate::topology::{AsId, GroupId, NodeId, NodeKind, Topology, unknown_host};

/// An action or an expectation that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default())]
pub struct ActionError {
    pub message: String,
    /// Bytes of the text that was parsed.
    pub span: Range<usize>,
    pub help: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) span: Range<usize>,
}

/// Reads words one by one.
pub(super) struct Words<'a> {
    words: std::vec::IntoIter<Word<'a>>,
    /// End of the text, where a missing word would stand.
    end: usize,
}

impl Word<'_> {
    pub(super) fn error(&self, message: impl Into<String>, help: impl Into<Option<String>>) -> ActionError {
        ActionError { message: message.into(), span: self.span.clone(), help: help.into() }
    }
}

impl<'a> Words<'a> {
    /// The words of `text`, which begins at byte `start` of what the user wrote.
    pub(super) fn new(text: &'a str, start: usize) -> Self {
        let place = |word: &'a str| word.as_ptr() as usize - text.as_ptr() as usize + start;
        let word = |text: &'a str| Word { text, span: place(text)..place(text) + text.len() };
        let words: Vec<_> = text.split_whitespace().map(word).collect();
        Self { words: words.into_iter(), end: start + text.trim_end().len() }
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.words.as_slice().first().map(|w| w.text)
    }

    pub(super) fn next(&mut self) -> Option<Word<'a>> {
        self.words.next()
    }

    /// The next word, or an error that says what should stand there.
    pub(super) fn expect(&mut self, what: &str, form: &str) -> Result<Word<'a>, ActionError> {
        self.words.next().ok_or_else(|| self.missing(&format!("{what} is missing"), format!("write `{form}`")))
    }

    /// An error about what does not stand at the end.
    pub(super) fn missing(&self, message: &str, help: String) -> ActionError {
        ActionError { message: message.to_owned(), span: self.end..self.end, help: Some(help) }
    }

    /// Takes `word` if it is next.
    pub(super) fn take(&mut self, word: &str) -> bool {
        self.peek() == Some(word) && self.words.next().is_some()
    }

    /// Takes `word`, which must be next.
    pub(super) fn demand(&mut self, word: &str, form: &str) -> Result<(), ActionError> {
        let next = self.expect(&format!("`{word}`"), form)?;
        if next.text == word {
            return Ok(());
        }
        Err(next.error(format!("`{word}` belongs here, not `{}`", next.text), format!("write `{form}`")))
    }

    pub(super) fn finish(&mut self, form: &str) -> Result<(), ActionError> {
        match self.words.next() {
            None => Ok(()),
            Some(extra) => {
                let message = format!("`{}` is one word too many", extra.text);
                Err(extra.error(message, format!("write `{form}`")))
            }
        }
    }
}

/// The overlay of this name.
pub(super) fn overlay(word: &Word<'_>, topology: &Topology) -> Result<usize, ActionError> {
    topology.overlays.iter().position(|o| o.name == word.text).ok_or_else(|| {
        let known = topology.overlays.iter().map(|o| o.name.as_str());
        word.error(format!("there is no overlay `{}`", word.text), suggest(word.text, known))
    })
}

/// What may be asked of an overlay of this protocol.
fn instead(protocol: Protocol, overlay: &str) -> String {
    if protocol.may(AskKind::Search) {
        format!("`share COUNT in {overlay}` and `search COUNT in {overlay}` share items and search for them")
    } else {
        format!("`put COUNT in {overlay}` and `audit {overlay}` store and fetch keys")
    }
}

/// The overlay of this name, of which this may be asked.
pub(super) fn able(word: &Word<'_>, topology: &Topology, kind: AskKind) -> Result<usize, ActionError> {
    let index = overlay(word, topology)?;
    let protocol = topology.overlays[index].settings.protocol;
    if topology.may(index, kind) {
        return Ok(index);
    }
    let title = protocol.title;
    let message = match kind {
        AskKind::Find => format!("no node of `{}` owns a key: in {title} keys have no owners", word.text),
        AskKind::Put | AskKind::Get => {
            format!("nothing is stored under keys in `{}`: {title} searches for items", word.text)
        }
        AskKind::Share | AskKind::Search => {
            format!("nothing is searched for in `{}`: {title} stores under keys", word.text)
        }
    };
    let help = instead(protocol, word.text);
    Err(word.error(message, help))
}

/// The stub of this name.
pub(super) fn stub(word: &Word<'_>, topology: &Topology) -> Result<AsId, ActionError> {
    topology.find_stub(word.text).ok_or_else(|| {
        let known = topology.ases.iter().filter(|a| a.stub).map(|a| a.name.as_str());
        word.error(format!("there is no stub `{}`", word.text), suggest(word.text, known))
    })
}

/// An AS number, or that of the AS of this name.
pub(super) fn asn(word: &Word<'_>, topology: &Topology) -> Result<u32, ActionError> {
    topology.asn(word.text).ok_or_else(|| {
        let known = topology.ases.iter().map(|own| own.name.as_str());
        word.error(format!("`{}` is neither an AS nor its number", word.text), suggest(word.text, known))
    })
}

/// The host of this name.
pub(super) fn host(word: &Word<'_>, topology: &Topology) -> Result<NodeId, ActionError> {
    if let Some(id) = topology.find(word.text) {
        if topology.node(id).kind.is_host() {
            return Ok(id);
        }
        return Err(word.error(format!("`{}` is a router, not a host", word.text), None));
    }
    let help = unknown_host(topology, word.text).1;
    Err(word.error(format!("there is no host `{}`", word.text), help))
}

/// The hosts named, and every member of the stubs named.
pub(super) fn hosts_of<'a, 'w>(
    words: &'a [Word<'w>],
    topology: &Topology,
) -> Result<Vec<(&'a Word<'w>, NodeId)>, ActionError> {
    let mut found = Vec::new();
    for word in words {
        match topology.find_stub(word.text) {
            Some(stub) => {
                let members = topology.of_kind(|kind| kind == NodeKind::Member);
                found.extend(members.filter(|id| topology.node(*id).as_id == stub).map(|id| (word, id)));
            }
            None => found.push((word, host(word, topology)?)),
        }
    }
    Ok(found)
}

/// The groups that clients probe.
pub(super) fn probed(topology: &Topology) -> &[GroupId] {
    topology.probe.as_ref().map_or(&[], |probe| &probe.groups)
}
