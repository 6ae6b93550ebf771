//! BIRD's configs, from the templates of `bird-configs/`, and how it is started with them.

use std::path::Path;

use super::super::daemon::{RenderError, Renderer};
use super::super::speaker::{RouterKind, Speaker};
use super::super::templates::Templates;
use super::names::{PROCESS, dump, socket};
use crate::program::{Executable, File, OUT, PRIVATE, Program, Ready, log};

const ROUTER: &str = "router.conf.j2";
const HOST: &str = "host.conf.j2";
const ROUTE_SERVER: &str = "route-server.conf.j2";

const CARRIED: [(&str, &str); 3] = [
    (ROUTER, include_str!("../../../bird-configs/router.conf.j2")),
    (HOST, include_str!("../../../bird-configs/host.conf.j2")),
    (ROUTE_SERVER, include_str!("../../../bird-configs/route-server.conf.j2")),
];

/// A template for each kind of speaker.
#[derive(Debug)]
pub(super) struct Configs(Templates);

impl Configs {
    pub(super) fn load(own: Option<&Path>, kernel_scan: u32) -> Result<Self, RenderError> {
        Templates::load(&CARRIED, own, &[("kernel_scan", kernel_scan)]).map(Self)
    }
}

impl Renderer for Configs {
    fn programs(&self, speaker: &Speaker) -> Result<Vec<Program>, RenderError> {
        let template = match speaker {
            Speaker::Router(router) if router.kind == RouterKind::RouteServer => ROUTE_SERVER,
            Speaker::Router(_) => ROUTER,
            Speaker::Host(_) => HOST,
        };
        Ok(vec![program(speaker.name(), self.0.render(template, speaker)?, speaker.is_graceful())])
    }
}

fn program(node: &str, config: String, graceful: bool) -> Program {
    let read = Path::new(OUT).join(PROCESS.name).join(format!("{node}.conf"));
    let given = Path::new(PRIVATE).join(format!("{node}.conf"));
    // Where to dump, then the config that people read; the protocols in it take over what is to be dumped.
    let dumping = format!("mrtdump \"{}\";\nmrtdump protocols {{ states, messages }};\n", dump(node).display());
    let wrapper = format!("{dumping}include \"{}\";\n", read.display());
    let [config_path, control] = [&given, &socket(node)].map(|path| path.display().to_string());
    Program {
        process: PROCESS,
        executable: Executable::Daemon,
        arguments: vec!["-f".into(), "-c".into(), config_path, "-s".into(), control],
        // Without it, BIRD removes the routes that its peers keep for it.
        again: if graceful { vec!["-R".to_owned()] } else { Vec::new() },
        files: vec![File::new(read, config), File::new(given, wrapper)],
        log: log(node, PROCESS),
        ready: Ready::Sessions,
        makes: None,
        after: None,
    }
}
