//! `anybed catalog`: lab files that are part of the program.

use crate::support::{Place, Scene, play, project};

#[test]
fn lab_files_of_questions_are_printed_and_checked_without_a_file() {
    let place = Place::new("catalog");
    let listed = place.anybed().args(["catalog", "--format", "json"]).run().ok().json();
    let rows = listed.as_array().unwrap();
    assert!(rows.len() > 10, "{listed}");
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap();
        let shipped = std::fs::read_to_string(project(&format!("topologies/{}.toml", text("lab")))).unwrap();
        assert_eq!(place.anybed().args(["catalog", text("id")]).run().ok().stdout, shipped);
    }
    let quick = place.anybed().args(["catalog", "--quick", "--format", "json"]).run().ok().json();
    let seconds: Vec<f64> = quick.as_array().unwrap().iter().map(|row| row["seconds"].as_f64().unwrap()).collect();
    assert!(seconds.iter().all(|lasts| *lasts <= 30.0) && seconds.len() < rows.len(), "{seconds:?}");
    place.anybed().args(["check", "catalog/E15"]).run().ok();
    place.anybed().args(["catalog", "E99"]).run().expect_code(2).expect_stderr(&["E99", "`anybed catalog` lists them"]);
    place.anybed().args(["check", "catalog/E99"]).run().expect_code(2).expect_stderr(&["`anybed catalog` lists them"]);
}

#[test]
fn a_question_is_answered() {
    play("a_question_is_answered", Scene::of("rootless"), |place| {
        let done = place.anybed().args(["catalog", "E5", "--play", "--format", "markdown"]).run().ok();
        done.expect_stdout(&["## E5", "pairs.toml", "as expected", "so of all three, a | a.n1"]);
        assert!(place.path().join("anybed-out/catalog/pairs/report.html").exists());
    });
}
