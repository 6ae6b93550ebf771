//! FRR's configs, from the templates of `bird-configs/frr/`, and how its processes are started with them.

use std::path::{Path, PathBuf};

use super::super::daemon::{Installed, Needs, RenderError, Renderer};
use super::super::speaker::{Router, Speaker};
use super::super::templates::Templates;
use super::super::version::numbers;
use super::find;
use super::names::{BFDD, BGPD, MAKE, OSPF6D, OSPFD, READ, ZEBRA, dump, folder, kernel_socket, processes};
use crate::program::{Executable, File, OUT, Process, Program, Ready, log};

const CARRIED: [(&str, &str); 5] = [
    ("frr/zebra.conf.j2", include_str!("../../../bird-configs/frr/zebra.conf.j2")),
    ("frr/bgpd.conf.j2", include_str!("../../../bird-configs/frr/bgpd.conf.j2")),
    ("frr/ospfd.conf.j2", include_str!("../../../bird-configs/frr/ospfd.conf.j2")),
    ("frr/ospf6d.conf.j2", include_str!("../../../bird-configs/frr/ospf6d.conf.j2")),
    ("frr/bfdd.conf.j2", include_str!("../../../bird-configs/frr/bfdd.conf.j2")),
];

/// A template for each process.
#[derive(Debug)]
pub(super) struct Configs {
    templates: Templates,
    /// Where bgpd's module is that looks at ROAs.
    modules: Option<PathBuf>,
}

impl Configs {
    pub(super) fn load(own: Option<&Path>, installed: Option<&Installed>) -> Result<Self, RenderError> {
        // Of `rpki cache`: 8.4.4 works without the word, 10.3 with it only.
        let version = installed.and_then(|found| numbers(&found.version));
        let says_tcp = version.is_none_or(|version| version >= find::SAYS_TCP);
        let modules = installed.and_then(|found| find::modules(&found.path));
        Ok(Self { templates: Templates::load(&CARRIED, own, &[("rpki_says_tcp", u32::from(says_tcp))])?, modules })
    }
}

impl Renderer for Configs {
    fn programs(&self, speaker: &Speaker) -> Result<Vec<Program>, RenderError> {
        let Speaker::Router(router) = speaker else {
            // The registry gives hosts another one.
            return Ok(Vec::new());
        };
        processes(&needs(router)).into_iter().map(|process| self.program(router, process)).collect()
    }
}

/// What is to be done; lab files say the same of the node.
fn needs(router: &Router) -> Needs {
    let families = router.families.iter().map(|family| family.name);
    Needs { igp: families.filter(|_| !router.igp.is_empty()).collect(), bfd: !router.bfd.is_empty() }
}

impl Configs {
    fn program(&self, router: &Router, process: Process) -> Result<Program, RenderError> {
        let node = &router.name;
        let template = CARRIED.iter().map(|(name, _)| *name).find(|name| name.contains(&format!("/{}.", process.name)));
        let text = without_blank_lines(&self.templates.render(template.unwrap_or_default(), router)?);
        let own = folder(node);
        let read = Path::new(OUT).join(MAKE).join(format!("{node}.{}.conf", process.name));
        let mut files = vec![File::new(read.clone(), text.clone())];
        let mut config = read;
        if process == BGPD {
            // Where to dump, then what people read.
            let given = own.join(READ);
            files.push(File::new(given.clone(), format!("dump bgp updates {}\n{text}", dump(node).display())));
            config = given;
        }
        let of_node = |name: &str| own.join(format!("{}.{name}", process.name)).display().to_string();
        let shown = |path: PathBuf| path.display().to_string();
        // Whoever runs labs is root, in the sandbox at least, and FRR's own user is not there.
        let mut arguments: Vec<String> = ["-u", "root", "-g", "root", "--log", "stdout"].map(str::to_owned).into();
        arguments.extend(["-f".to_owned(), shown(config), "--vty_socket".to_owned(), shown(own.clone())]);
        arguments.extend(["-z".to_owned(), shown(kernel_socket(node)), "-i".to_owned(), of_node("pid")]);
        // No telnet.
        arguments.extend(["-P".to_owned(), "0".to_owned()]);
        if process == BGPD && router.rtr.is_some() {
            let folder =
                self.modules.iter().flat_map(|folder| ["--moduledir".to_owned(), folder.display().to_string()]);
            arguments.extend(folder.chain(["-M".to_owned(), find::MODULE.to_owned()]));
        }
        let mut again = Vec::new();
        if let Some(wait) = router.graceful_restart_wait.filter(|_| process == ZEBRA) {
            // Without it, zebra removes the routes of before.
            again.extend(["-K".to_owned(), wait.to_string()]);
        }
        debug_assert!([ZEBRA, BGPD, OSPFD, OSPF6D, BFDD].contains(&process));
        Ok(Program {
            process,
            executable: Executable::Daemon,
            arguments,
            again,
            files,
            log: log(node, process),
            ready: if process == BGPD { Ready::Sessions } else { Ready::Started },
            makes: (process == ZEBRA).then(|| kernel_socket(node)),
            after: (process != ZEBRA).then(|| kernel_socket(node)),
        })
    }
}

/// Templates leave lines behind that say nothing.
fn without_blank_lines(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.flat_map(|line| [line.trim_end(), "\n"]).collect()
}
