//! `anybed verify`: what BGP will make of a lab file, predicted, and compared with a running lab of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use ipnet::IpNet;
use serde::Serialize;

use super::{Choices, Ended, Failure, Format, check, is_colored, labs, print};
use crate::lab::ask::RoutesRequest;
use crate::predict::{Prediction, predict, predict_as_it_fell, written};
use crate::report::page::{BAD, BOLD, Cell, DIM, Page};
use crate::routing::route::Route;
use crate::topology::{GroupId, NodeId, Topology};

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// Lab file
    file: PathBuf,
    /// Compare with this running lab of the file, in which nothing is broken
    #[arg(long, value_name = "LAB")]
    with: Option<String>,
    /// Only this group [default: all that are not an overlay's own]
    #[arg(long)]
    group: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    choices: Choices,
}

/// What is predicted of one prefix.
#[derive(Serialize)]
struct Shown {
    group: String,
    prefix: String,
    clients: Vec<ShownClient>,
    routers: Vec<ShownRouter>,
}

#[derive(Serialize)]
struct ShownClient {
    client: String,
    /// Several: its packets take one of equal ways. None: nobody answers.
    members: Vec<String>,
}

#[derive(Serialize)]
struct ShownRouter {
    router: String,
    /// `None`: it has no route.
    path: Option<Vec<u32>>,
    /// Who brought the route.
    from: Option<String>,
    /// The rule that set it apart from the next best of so many routes.
    step: Option<String>,
    routes: usize,
    /// Which one it is depends on which came first.
    by_order: bool,
    /// What the running lab has instead, if that was asked and is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<String>,
}

impl Verify {
    /// Exit code 1: the running lab has other routes.
    pub(super) fn execute(self) -> Ended {
        let (topology, _) = check::load(&self.file, &self.choices)?;
        let named = |name: &str| topology.groups.iter().position(|group| group.name == name);
        if let Some(name) = self.group.as_ref().filter(|name| named(name).is_none()) {
            return Err(Failure::Usage(anyhow!("there is no group `{name}` in {}", self.file.display())));
        }
        let everybody = |_: NodeId, _: GroupId| true;
        let unsettled = |unsettled| Failure::Usage(anyhow!("{unsettled}"));
        let mut predictions = predict(&topology, &everybody).map_err(unsettled)?;
        let mut real = Real::new();
        let wanted = |prediction: &&Prediction| match &self.group {
            Some(name) => named(name) == Some(prediction.group.0),
            None => topology.groups[prediction.group.0].is_public(),
        };
        if let Some(lab) = &self.with {
            for one in predictions.iter().filter(&wanted) {
                ask(lab, &topology, one, &mut real)?;
            }
            // Which of equal routes came first is for the lab to say.
            let fell = |router, prefix| real.get(&(router, prefix)).cloned().flatten();
            predictions = predict_as_it_fell(&topology, &everybody, &fell).map_err(unsettled)?;
        }
        let mut all: Vec<Shown> = predictions.iter().filter(wanted).map(|p| shown(&topology, p)).collect();
        if self.with.is_some() {
            for (one, prediction) in all.iter_mut().zip(predictions.iter().filter(wanted)) {
                compare(&topology, one, prediction.prefix, &real);
            }
        }
        match self.format {
            Format::Json => print(&labs::json(&all)?),
            Format::Text => print(&text(&all, self.with.as_deref())),
        }
        Ok(i32::from(all.iter().any(|one| one.routers.iter().any(|router| router.instead.is_some()))))
    }
}

fn shown(topology: &Topology, prediction: &Prediction) -> Shown {
    let name = |id: NodeId| topology.node(id).name.clone();
    let routers = topology.of_kind(|kind| kind.is_router()).map(|id| {
        let best = prediction.best.get(&id);
        ShownRouter {
            router: name(id),
            path: best.map(|best| best.path.clone()),
            from: best.map(|best| name(best.from)),
            step: best.map(|best| best.step.to_string()),
            routes: best.map_or(0, |best| best.of),
            by_order: prediction.by_order.contains(&id),
            instead: None,
        }
    });
    let clients = prediction.catchments.iter().map(|(client, members)| ShownClient {
        client: name(*client),
        members: members.iter().map(|member| name(*member)).collect(),
    });
    Shown {
        group: topology.groups[prediction.group.0].name.clone(),
        prefix: prediction.prefix.to_string(),
        clients: clients.collect(),
        routers: routers.collect(),
    }
}

/// The path of each router's best route in the running lab.
type Real = BTreeMap<(NodeId, IpNet), Option<Vec<u32>>>;

/// Asks every router of a running lab for its best route.
fn ask(lab: &str, topology: &Topology, one: &Prediction, real: &mut Real) -> Result<(), Failure> {
    for router in topology.of_kind(|kind| kind.is_router()) {
        let prefix = Some(one.prefix.to_string());
        let routes: Vec<Route> =
            labs::post(lab, "/routes", &RoutesRequest { node: topology.node(router).name.clone(), prefix })?;
        let best = routes.iter().find(|route| route.best);
        real.insert((router, one.prefix), best.map(Route::numbers));
    }
    Ok(())
}

fn compare(topology: &Topology, one: &mut Shown, prefix: IpNet, real: &Real) {
    for (router, id) in one.routers.iter_mut().zip(topology.of_kind(|kind| kind.is_router())) {
        let found = real.get(&(id, prefix)).cloned().flatten();
        if found != router.path {
            router.instead = Some(found.map_or_else(|| "no route".to_owned(), |path| written(&path)));
        }
    }
}

fn text(all: &[Shown], with: Option<&str>) -> String {
    let mut page = Page::new(is_colored());
    for (number, one) in all.iter().enumerate() {
        if number > 0 {
            page.blank();
        }
        page.raw(&format!("{} · {}", page.paint(BOLD, &one.prefix), one.group));
        let head = |words: &[&str]| words.iter().map(|word| Cell::left(*word).styled(DIM)).collect::<Vec<_>>();
        if !one.clients.is_empty() {
            let mut rows = vec![head(&["client", "answered by"])];
            for client in &one.clients {
                let members = if client.members.is_empty() { "nobody".to_owned() } else { client.members.join(" or ") };
                rows.push(vec![Cell::left(client.client.clone()), Cell::left(members).styled(BOLD)]);
            }
            page.table(&rows);
            page.blank();
        }
        let mut header = head(&["router", "AS path", "from", "decided by", "routes"]);
        if with.is_some() {
            header.push(Cell::left("the lab has").styled(DIM));
        }
        let mut rows = vec![header];
        for router in &one.routers {
            let path = router.path.as_ref().map_or("no route".to_owned(), |path| written(path));
            let mut step = router.step.clone().unwrap_or_default();
            if router.by_order {
                step += ", or which came first";
            }
            let mut row = vec![
                Cell::left(router.router.clone()),
                Cell::left(path),
                Cell::left(router.from.clone().unwrap_or_default()),
                Cell::left(step),
                Cell::right(router.routes.to_string()),
            ];
            if with.is_some() {
                let (word, style) = router.instead.as_ref().map_or(("the same", DIM), |other| (other.as_str(), BAD));
                row.push(Cell::left(word.to_owned()).styled(style));
            }
            rows.push(row);
        }
        page.table(&rows);
    }
    page.finish()
}
