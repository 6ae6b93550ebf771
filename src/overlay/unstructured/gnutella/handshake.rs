//! How two servents greet each other: lines of text before the first message (0.4: one each way; 0.6: three groups
//! of headers).

use std::fmt::Write;
use std::net::SocketAddrV4;

use super::settings::Role;

/// Longest group of headers in bytes.
pub(super) const MAX_GROUP: usize = 4096;
/// Most ultrapeers that a refusal names, or that are taken from one.
pub(super) const MAX_TRY: usize = 10;

/// What the bytes so far are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read<T> {
    Partly,
    Nonsense,
    /// With how many bytes it took.
    Whole(T, usize),
}

/// The first thing said in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Greeting {
    Old,
    New(Headers),
}

/// What is answered: 200 is yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: u16,
    /// Whether it speaks of 0.6.
    pub(super) new: bool,
    pub(super) headers: Headers,
}

/// What matters of a group of headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    pub(super) ultrapeer: Option<bool>,
    pub(super) query_routing: bool,
    /// Where it listens.
    pub(super) listens: Option<SocketAddrV4>,
    /// How many ultrapeers it is linked to.
    pub(super) degree: Option<u32>,
    /// Whether another ultrapeer would be welcome.
    pub(super) needed: Option<bool>,
    pub(super) ultrapeers: Vec<SocketAddrV4>,
}

impl Headers {
    /// Of a servent of 0.6.
    pub(super) fn of(role: Role, listens: SocketAddrV4, degree: usize) -> Self {
        Self {
            ultrapeer: Some(role == Role::Ultrapeer),
            query_routing: true,
            listens: Some(listens),
            degree: u32::try_from(degree).ok(),
            ..Self::default()
        }
    }

    pub(super) fn role(&self) -> Role {
        match self.ultrapeer {
            Some(true) => Role::Ultrapeer,
            Some(false) => Role::Leaf,
            None => Role::Peer,
        }
    }

    fn text(&self) -> String {
        let word = |yes| if yes { "True" } else { "False" };
        let mut text = "User-Agent: anybed\r\n".to_owned();
        if let Some(ultrapeer) = self.ultrapeer {
            let _ = write!(text, "X-Ultrapeer: {}\r\n", word(ultrapeer));
        }
        if self.query_routing {
            text += "X-Query-Routing: 0.1\r\n";
        }
        if let Some(at) = self.listens {
            let _ = write!(text, "Listen-IP: {at}\r\n");
        }
        if let Some(degree) = self.degree {
            let _ = write!(text, "X-Degree: {degree}\r\nX-Dynamic-Querying: 0.1\r\n");
        }
        if let Some(needed) = self.needed {
            let _ = write!(text, "X-Ultrapeer-Needed: {}\r\n", word(needed));
        }
        if !self.ultrapeers.is_empty() {
            let all: Vec<_> = self.ultrapeers.iter().take(MAX_TRY).map(ToString::to_string).collect();
            let _ = write!(text, "X-Try-Ultrapeers: {}\r\n", all.join(","));
        }
        text + "\r\n"
    }

    fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut headers = Self::default();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let value = value.trim();
            let yes = value.eq_ignore_ascii_case("true");
            match &name.trim().to_ascii_lowercase()[..] {
                "x-ultrapeer" => headers.ultrapeer = Some(yes),
                "x-ultrapeer-needed" => headers.needed = Some(yes),
                "x-query-routing" => headers.query_routing = true,
                "listen-ip" | "node" | "x-my-address" => headers.listens = value.parse().ok(),
                "x-degree" => headers.degree = value.parse().ok(),
                "x-try-ultrapeers" => {
                    // After the address there may be when it was up.
                    let each = value.split(',').filter_map(|one| one.split_whitespace().next()?.parse().ok());
                    headers.ultrapeers = each.take(MAX_TRY).collect();
                }
                _ => {}
            }
        }
        Some(headers)
    }
}

impl Greeting {
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Old => b"GNUTELLA CONNECT/0.4\n\n".to_vec(),
            Self::New(headers) => format!("GNUTELLA CONNECT/0.6\r\n{}", headers.text()).into_bytes(),
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Read<Self> {
        group(bytes, "GNUTELLA", |first, headers| match first.strip_prefix("GNUTELLA CONNECT/")? {
            "0.4" => Some(Self::Old),
            version => version.starts_with("0.").then_some(Self::New(headers)),
        })
    }
}

impl Status {
    pub(super) fn yes(headers: Headers) -> Self {
        Self { code: 200, new: true, headers }
    }

    pub(super) fn no(headers: Headers) -> Self {
        Self { code: 503, new: true, headers }
    }

    pub(super) fn old() -> Self {
        Self { code: 200, new: false, headers: Headers::default() }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        match (self.new, self.code) {
            (false, _) => b"GNUTELLA OK\n\n".to_vec(),
            (_, 200) => format!("GNUTELLA/0.6 200 OK\r\n{}", self.headers.text()).into_bytes(),
            (_, code) => format!("GNUTELLA/0.6 {code} Service unavailable\r\n{}", self.headers.text()).into_bytes(),
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Read<Self> {
        group(bytes, "GNUTELLA", |first, headers| {
            if first == "GNUTELLA OK" {
                return Some(Self::old());
            }
            let code = first.strip_prefix("GNUTELLA/0.6 ")?.split(' ').next()?.parse().ok()?;
            Some(Self { code, new: true, headers })
        })
    }
}

/// The first line and the headers that follow it, up to an empty line. Lines may end without CR.
fn group<T>(bytes: &[u8], begins: &str, of: impl FnOnce(&str, Headers) -> Option<T>) -> Read<T> {
    let common = bytes.len().min(begins.len());
    if bytes[..common] != begins.as_bytes()[..common] {
        return Read::Nonsense;
    }
    let (mut lines, mut from) = (Vec::new(), 0);
    let seen = &bytes[..bytes.len().min(MAX_GROUP)];
    while let Some(length) = seen[from..].iter().position(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(&seen[from..from + length]) else { return Read::Nonsense };
        from += length + 1;
        let line = line.trim_end_matches('\r');
        if !line.is_empty() {
            lines.push(line);
            continue;
        }
        let whole = lines.split_first().and_then(|(first, rest)| of(first, Headers::read(rest.iter().copied())?));
        return whole.map_or(Read::Nonsense, |whole| Read::Whole(whole, from));
    }
    if bytes.len() >= MAX_GROUP { Read::Nonsense } else { Read::Partly }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Headers {
        let at = "10.0.0.1:6346".parse().unwrap();
        let ultrapeers = vec![at, "10.0.0.2:6347".parse().unwrap()];
        Headers { needed: Some(true), ultrapeers, ..Headers::of(Role::Ultrapeer, at, 4) }
    }

    #[test]
    fn what_was_said_is_read_at_its_end_and_not_before() {
        for greeting in [Greeting::Old, Greeting::New(headers())] {
            let bytes = [greeting.bytes(), b"rest".to_vec()].concat();
            let length = bytes.len() - 4;
            assert_eq!(Greeting::read(&bytes), Read::Whole(greeting, length));
            (0..length).for_each(|n| assert_eq!(Greeting::read(&bytes[..n]), Read::Partly));
        }
        for status in [Status::old(), Status::yes(headers()), Status::no(headers())] {
            let bytes = status.bytes();
            assert_eq!(Status::read(&bytes), Read::Whole(status, bytes.len()));
        }
    }

    #[test]
    fn others_headers_are_understood_or_passed_over() {
        let text = "GNUTELLA CONNECT/0.6\nUser-Agent: BearShare\nx-ultrapeer: true\nGGEP: 0.5\n\n";
        let Read::Whole(Greeting::New(read), 71..) = Greeting::read(text.as_bytes()) else { panic!("{text}") };
        assert_eq!(read, Headers { ultrapeer: Some(true), ..Headers::default() });
        let text = "GNUTELLA/0.6 503 Full\r\nX-Try-Ultrapeers: 1.2.3.4:5 2004-01-01T00:00Z, no, 6.7.8.9:1\r\n\r\n";
        let Read::Whole(status, _) = Status::read(text.as_bytes()) else { panic!("{text}") };
        assert_eq!((status.code, status.headers.ultrapeers.len()), (503, 2));
    }

    #[test]
    fn nonsense_is_known_early() {
        for nonsense in ["GET / HTTP/1.1", "GNUTELLA CONNECT/9.9\n\n", "GNUTELLA CONNECT/0.6\nno colon\n\n", "\n\n"] {
            assert_eq!(Greeting::read(nonsense.as_bytes()), Read::Nonsense, "{nonsense}");
        }
        let endless = format!("GNUTELLA CONNECT/0.6\r\n{}", "a: b\r\n".repeat(MAX_GROUP));
        assert_eq!(Greeting::read(endless.as_bytes()), Read::Nonsense);
    }
}
