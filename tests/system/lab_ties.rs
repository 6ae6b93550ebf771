//! Which of two routes a BIRD takes that are equal in preference and length.

use crate::support::{Lab, Place, scenes, wait_until};

scenes!(the_first_in_the_file_wins_a_tie: root);

fn the_first_in_the_file_wins_a_tie(place: &Place) {
    let file = |first: &str, second: &str| {
        let ases: String = ["core", first, second].iter().map(|name| format!("[[as]]\nname = \"{name}\"\n")).collect();
        let stub = |name: &str, uplink: &str, hosts: &str| {
            format!("[[stub]]\nname = \"{name}\"\nuplinks = [\"{uplink}\"]\n{hosts} = 1\n")
        };
        let link = |b: &str| format!("[[link]]\na = \"core\"\nb = \"{b}\"\nrelation = \"customer\"\n");
        let stubs =
            stub("west", "alpha", "members") + &stub("east", "omega", "members") + &stub("home", "core", "clients");
        ases + &link("alpha") + &link("omega") + &stubs + "[[group]]\nname = \"dns\"\nmembers = [\"west\", \"east\"]\n"
    };
    // Neither names nor stubs decide, but whose router comes first, and so has the lower router id.
    for (name, first, second, near) in [("tie-a", "alpha", "omega", "west"), ("tie-o", "omega", "alpha", "east")] {
        let lab = Lab::up_with(place, &place.write(&format!("{name}.toml"), &file(first, second)), name, &[]);
        let wait_for = |site: &str| {
            let survey = ["catchment", name, "dns", "--format", "json"];
            wait_until(&format!("{site} catches the client"), || {
                let surveys = place.anybed().args(survey).run().json();
                let member = surveys[0]["nodes"][0]["packet"]["member"].as_str().unwrap_or_default().to_owned();
                if member == format!("{site}.n1") { Ok(()) } else { Err(member) }
            });
        };
        wait_for(near);
        let why = place.anybed().args(["routes", name, "core", "dns"]).run().ok();
        why.expect_stdout(&["the lower router id or address of its neighbor"]);
        // The older route has no advantage.
        let far = if near == "west" { "east" } else { "west" };
        lab.fault(&format!("withdraw {near}.n1")).ok();
        wait_for(far);
        lab.fault(&format!("announce {near}.n1")).ok();
        wait_for(near);
        lab.down().ok();
    }
}
