//! A loop of the forwarding plane: found in the record, and seen in a capture.

use std::collections::BTreeMap;
use std::path::Path;

use anybed::kernel::now;
use serde_json::{Value, json};

use crate::support::{Lab, Place, scenes, wait_until};

/// OSPF originates an LSA at most once in 5 s (MinLSInterval, RFC 2328): for so long after the last route has
/// changed, it may react late.
const CALM: u64 = 5_500_000_000;

scenes!(a_loop_is_in_the_record_and_in_a_capture: root);

fn a_loop_is_in_the_record_and_in_a_capture(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/micro-loop.toml"));
    lab.wait_for_answer("home.c1", "site.n1", 0);
    wait_until("no route has changed for long", || {
        let last = lab.events().iter().rev().find(|e| e["event"] == "fib").and_then(|e| e["at"].as_u64());
        let calm = now().saturating_sub(last.unwrap_or(0));
        if calm > CALM { Ok(()) } else { Err(format!("{calm} ns")) }
    });
    let file = place.path().join("loop.pcapng");
    let capture = place.anybed().args(["capture", &lab.name, "b:to-c", "-c", "400", "-w"]).arg(&file).start();
    wait_until("the capture has begun", || {
        std::fs::metadata(&file).map_or(0, |m| m.len()).checked_sub(1).ok_or("empty")
    });
    lab.fault("freeze c").ok();
    lab.fault("cut a-b").ok();
    // OSPF's hellos alone would take minutes.
    capture.wait().ok();
    let thawed = now();
    lab.fault("thaw c").ok();
    lab.wait_for_answer("home.c1", "site.n1", thawed);
    lab.down().ok();

    // It exits 4, as it was not played to an end.
    let report = place.anybed().arg("report").arg(&lab.out).args(["--format", "json"]).run().json();
    let found = report["transients"].as_array().unwrap();
    let is_loop = |t: &&Value| t["kind"] == "loop" && t["nodes"] == json!(["b", "c"]);
    let found: Vec<_> = found.iter().filter(is_loop).collect();
    assert_eq!(found.len(), 1, "{report}");
    assert_eq!(found[0]["clients"], json!(["home.c1"]));
    let cut =
        report["faults"].as_array().unwrap().iter().rposition(|f| f["fault"].as_str().unwrap().contains("cut a-b"));
    assert_eq!(found[0]["fault"], json!(cut));
    let cascade = report["faults"][cut.unwrap()]["cascade"].as_array().unwrap();
    assert!(cascade.iter().any(|n| n["node"] == "b") && cascade.iter().all(|n| n["node"] != "c"), "{report}");
    assert!(report["updates"]["messages"].is_u64(), "{report}");

    // The same probe again and again, and one hop older each time.
    let longest = ttls(&file, [198, 51, 100, 1]).into_values().max_by_key(Vec::len).unwrap_or_default();
    assert!(longest.len() > 30, "{longest:?}");
    assert!(longest.windows(2).all(|pair| pair[1] + 1 == pair[0]), "{longest:?}");
}

/// The TTLs of every UDP packet to an address, by its payload, in the order of a capture.
fn ttls(file: &Path, to: [u8; 4]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let bytes = std::fs::read(file).unwrap();
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let (mut at, mut found) = (0, BTreeMap::<Vec<u8>, Vec<u8>>::new());
    while at < bytes.len() {
        // A block of kind 6 is a packet: interface, time, length here, length on the wire, bytes.
        if word(at) == 6 {
            let frame = &bytes[at + 28..at + 28 + word(at + 20)];
            let packet = &frame[14..];
            if frame[12..14] == [0x08, 0x00] && packet[9] == 17 && packet[16..20] == to {
                let head = usize::from(packet[0] & 15) * 4 + 8;
                found.entry(packet[head..].to_vec()).or_default().push(packet[8]);
            }
        }
        at += word(at + 4);
    }
    found
}
