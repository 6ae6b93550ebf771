//! The capture file format that Wireshark and tcpdump read, with a name for every interface
//! (draft-ietf-opsawg-pcapng).

use super::capture::Frame;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const ETHERNET: u16 = 1;
/// Options: their end, the name of an interface, its resolution of time, the program that wrote the file.
const END: u16 = 0;
const NAME: u16 = 2;
const RESOLUTION: u16 = 9;
const PROGRAM: u16 = 4;
/// Ten to the minus ninth: nanoseconds.
const NANOSECONDS: u8 = 9;

/// The file's head: who wrote it, and the interfaces, numbered from 0 in this order.
pub fn head(interfaces: &[String]) -> Vec<u8> {
    let mut section = Vec::new();
    section.extend(0x1a2b_3c4d_u32.to_ne_bytes());
    section.extend(1_u16.to_ne_bytes());
    section.extend(0_u16.to_ne_bytes());
    // Length unknown.
    section.extend(u64::MAX.to_ne_bytes());
    option(&mut section, PROGRAM, concat!("anybed ", env!("CARGO_PKG_VERSION")).as_bytes());
    option(&mut section, END, &[]);
    let mut file = block(SECTION, &section);
    for name in interfaces {
        let mut described = Vec::new();
        described.extend(ETHERNET.to_ne_bytes());
        described.extend(0_u16.to_ne_bytes());
        // No limit to what is kept of a frame.
        described.extend(0_u32.to_ne_bytes());
        option(&mut described, NAME, name.as_bytes());
        option(&mut described, RESOLUTION, &[NANOSECONDS]);
        option(&mut described, END, &[]);
        file.extend(block(INTERFACE, &described));
    }
    file
}

/// A frame of the interface with this number.
pub fn packet(number: u32, frame: &Frame<'_>) -> Vec<u8> {
    let at = frame.at.as_nanos() as u64;
    let mut body = Vec::with_capacity(frame.bytes.len() + 24);
    for word in [number, (at >> 32) as u32, at as u32, frame.bytes.len() as u32, frame.length as u32] {
        body.extend(word.to_ne_bytes());
    }
    padded(&mut body, frame.bytes);
    block(PACKET, &body)
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 12).to_ne_bytes();
    [&kind.to_ne_bytes()[..], &length, body, &length].concat()
}

fn option(to: &mut Vec<u8>, code: u16, value: &[u8]) {
    to.extend(code.to_ne_bytes());
    to.extend((value.len() as u16).to_ne_bytes());
    padded(to, value);
}

/// Every field ends at a multiple of four bytes.
fn padded(to: &mut Vec<u8>, value: &[u8]) {
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn blocks_say_their_length_twice() {
        let frame = Frame { interface: 7, at: Duration::new(5, 1), bytes: &[1, 2, 3, 4, 5], length: 60 };
        let mut file = head(&["to-r1".to_owned(), "lo".to_owned()]);
        file.extend(packet(1, &frame));
        let word = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap());
        let (mut at, mut kinds) = (0, Vec::new());
        while at < file.len() {
            let length = word(at + 4) as usize;
            assert_eq!(length % 4, 0);
            assert_eq!(word(at + length - 4) as usize, length);
            kinds.push(word(at));
            at += length;
        }
        assert_eq!(at, file.len());
        assert_eq!(kinds, [SECTION, INTERFACE, INTERFACE, PACKET]);
        let last = file.len() - (12 + 20 + 8);
        assert_eq!([word(last + 8), word(last + 20), word(last + 24)], [1, 5, 60]);
        assert_eq!((u64::from(word(last + 12)) << 32) + u64::from(word(last + 16)), 5_000_000_001);
    }
}
