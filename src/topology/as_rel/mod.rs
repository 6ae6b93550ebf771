//! AS relationships as CAIDA publishes them, made into a lab file.
//!
//! serial-1 (`as-rel`) has lines `PROVIDER|CUSTOMER|-1` and `PEER|PEER|0`, serial-2 (`as-rel2`) a fourth column that
//! says where that is known from. Comments begin with `#`; one of them may name the clique at the top, as
//! `# input clique: 174 209 …` or `# inferred clique: …` (CAIDA, data.caida.org/datasets/as-relationships).

mod lab_file;
mod reduce;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use super::diagnose::{Diagnostics, Problems};
use super::size;
pub use lab_file::to_lab_file;
pub use reduce::{Choice, Reduced, reduce};

/// Most wrong lines that are shown: a file of another kind has nothing else.
const SHOWN: usize = 20;

/// How every bzip2 file begins.
const BZIP2: &[u8] = b"BZh";

/// ASes by number, and what they are to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations {
    pub providers: BTreeMap<u32, BTreeSet<u32>>,
    pub customers: BTreeMap<u32, BTreeSet<u32>>,
    pub peers: BTreeMap<u32, BTreeSet<u32>>,
    /// That at the top, if the file names it.
    pub clique: Vec<u32>,
    pub warnings: Diagnostics,
}

/// What the second AS of a line is to the first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bond {
    Customer,
    Peer,
}

impl Relations {
    /// Every AS of the file.
    pub fn ases(&self) -> BTreeSet<u32> {
        [&self.providers, &self.customers, &self.peers].into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    fn known(&self, a: u32, b: u32) -> bool {
        let has = |map: &BTreeMap<u32, BTreeSet<u32>>| map.get(&a).is_some_and(|of| of.contains(&b));
        has(&self.providers) || has(&self.customers) || has(&self.peers)
    }

    fn add(&mut self, a: u32, b: u32, bond: Bond) {
        let mut put = |map: fn(&mut Self) -> &mut BTreeMap<u32, BTreeSet<u32>>, a, b| {
            map(self).entry(a).or_default().insert(b);
        };
        match bond {
            Bond::Customer => {
                put(|all| &mut all.customers, a, b);
                put(|all| &mut all.providers, b, a);
            }
            Bond::Peer => {
                put(|all| &mut all.peers, a, b);
                put(|all| &mut all.peers, b, a);
            }
        }
    }
}

/// Whether this may be a file of AS relationships, by its first bytes: what is XML is none.
pub fn is_one(path: &Path) -> bool {
    let mut first = [0; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut first));
    read.is_ok_and(|count| {
        let text = first[..count].trim_ascii_start();
        text.starts_with(BZIP2) || text.first().is_some_and(|byte| *byte == b'#' || byte.is_ascii_digit())
    })
}

/// Reads a file, plain or compressed by bzip2.
///
/// # Errors
/// It cannot be read, is too large, or has lines that are not as they should be: all of them, but for those after the
/// first twenty.
pub fn read(path: &Path) -> Result<Relations, Diagnostics> {
    let text = size::read_with(path, |mut file| {
        let mut first = Vec::new();
        file.by_ref().take(BZIP2.len() as u64).read_to_end(&mut first)?;
        let whole = std::io::Cursor::new(first.clone()).chain(file);
        Ok(if first == BZIP2 { Box::new(bzip2::read::MultiBzDecoder::new(whole)) } else { Box::new(whole) })
    })?;
    parse(&path.display().to_string(), &text)
}

/// Reads the text of a file.
///
/// # Errors
/// As [`read`].
pub fn parse(path: &str, text: &str) -> Result<Relations, Diagnostics> {
    let mut problems = Problems::new(path, text);
    let (mut found, mut wrong, mut start) = (Relations::default(), 0, 0);
    for line in text.split_inclusive('\n') {
        let span = start..start + line.trim_end().len();
        start += line.len();
        let line = line.trim_end();
        if let Some(comment) = line.strip_prefix('#') {
            if let Some((_, ases)) = comment.split_once("clique:") {
                found.clique = ases.split_whitespace().filter_map(|number| number.parse().ok()).collect();
            }
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        match fields(line) {
            Ok((a, b, _)) if a == b => {
                problems.warning("self-link", span, "a relation to itself was left out").label("the same AS twice");
            }
            Ok((a, b, _)) if found.known(a, b) => {
                let message = format!("AS{a} and AS{b} have a relation already: the first one counts");
                problems.warning("again", span, message).label("left out");
            }
            Ok((a, b, bond)) => found.add(a, b, bond),
            Err(why) => {
                wrong += 1;
                if wrong <= SHOWN {
                    let help = "a line is PROVIDER|CUSTOMER|-1 or PEER|PEER|0".to_owned();
                    problems.error("no-relation", span, "no relation of two ASes").label(why).help(help);
                }
            }
        }
    }
    if wrong > SHOWN {
        problems.error("no-relation", 0..0, format!("… and {} lines more", wrong - SHOWN));
    }
    if wrong == 0 && found.ases().is_empty() {
        problems.error("empty", 0..0, "there is no AS in it");
    }
    problems.errors()?;
    found.warnings = problems.found;
    Ok(found)
}

fn fields(line: &str) -> Result<(u32, u32, Bond), String> {
    let mut fields = line.split('|').map(str::trim);
    let mut next = |what: &str| fields.next().filter(|field| !field.is_empty()).ok_or(format!("lacks {what}"));
    let number = |field: &str| field.parse::<u32>().map_err(|_| format!("`{field}` is no AS number"));
    let (a, b) = (number(next("an AS number")?)?, number(next("a second AS number")?)?);
    let bond = match next("the relation")? {
        "-1" => Bond::Customer,
        "0" => Bond::Peer,
        other => return Err(format!("`{other}` is neither -1 nor 0")),
    };
    Ok((a, b, bond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_serials_are_read() {
        let text = "# source:topology|BGP|20240101\n# inferred clique: 1 2\n1|2|0\n1|3|-1\n2|3|-1|bgp\n3|4|0|mlp\n\n";
        let found = parse("x", text).unwrap();
        assert_eq!(found.clique, [1, 2]);
        assert_eq!(found.ases(), [1, 2, 3, 4].into());
        assert_eq!(found.providers[&3], [1, 2].into());
        assert_eq!((found.customers[&1].len(), found.peers[&3].clone()), (1, [4].into()));
    }

    #[test]
    fn every_wrong_line_is_told() {
        let problems = parse("x", "1|2\n1|x|0\n1|2|7\n1|3|-1\n").unwrap_err().render(false);
        for said in ["lacks the relation", "`x` is no AS number", "`7` is neither -1 nor 0", "x:3:1"] {
            assert!(problems.contains(said), "{said} in {problems}");
        }
        assert!(parse("x", &"nonsense\n".repeat(500)).unwrap_err().render(false).contains("480 lines more"));
        assert!(parse("x", "# nothing\n").unwrap_err().render(false).contains("no AS"));
        let twice = parse("x", "1|2|-1\n2|1|0\n3|3|0\n").unwrap();
        assert_eq!(twice.warnings.0.len(), 2);
    }
}
