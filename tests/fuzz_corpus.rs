//! Replays the fuzzers' corpus: inputs that reached much, and those that once found something.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::path::Path;

#[test]
fn nothing_in_the_corpus_is_wrong() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let mut inputs = 0;
        for entry in std::fs::read_dir(corpus.join(name)).unwrap_or_else(|e| panic!("corpus of {name}: {e}")) {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                panic!("{} is wrong with {name}", path.display());
            }
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no corpus");
    }
}
