//! A test's own place: a folder, a runtime directory, and a user to run the program as.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use tempfile::TempDir;

use super::done::{Command, Done};
use super::scene::{As, Scene};

/// `nobody`, who owns nothing.
const ORDINARY: u32 = 65534;

const PROGRAM: &str = env!("CARGO_BIN_EXE_anybed");

pub(crate) struct Place {
    /// Of the test, with its scene: a lab's name.
    pub(crate) name: String,
    pub(crate) scene: Scene,
    program: PathBuf,
    folder: TempDir,
}

impl Place {
    /// For a test of commands that build nothing.
    pub(crate) fn new(name: &str) -> Self {
        let who = if geteuid().is_root() { As::Root } else { As::Rootless };
        Self::of(name, Scene { who, ..Scene::of("root") })
    }

    pub(crate) fn of(name: &str, scene: Scene) -> Self {
        let folder = tempfile::Builder::new().prefix("anybed-test-").tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("open the folder to others");
        let mut place = Self { name: lab_name(name, scene), scene, program: PROGRAM.into(), folder };
        if place.changes_user() {
            chown(place.path(), Some(ORDINARY), Some(ORDINARY)).expect("give the folder away");
            if !is_open_to_others(Path::new(PROGRAM)) {
                let copy = place.path().join("anybed");
                fs::copy(PROGRAM, &copy).expect("copy the program");
                place.program = copy;
            }
        }
        for folder in ["run", "tmp"] {
            place.folder(folder);
        }
        place
    }

    /// The test is root's, the program's user is not.
    fn changes_user(&self) -> bool {
        self.scene.who == As::Rootless && geteuid().is_root()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The program under test, where its user can read it.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.path().join("run")
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// The run directory of the lab `name`.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.path().join("out").join(name)
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(&path).unwrap_or_else(|e| panic!("create {}: {e}", path.display()));
        self.give(&path);
        path
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap_or_else(|e| panic!("write {}: {e}", path.display()));
        self.give(&path);
        path
    }

    /// A copy of a file of the project, readable for the program's user.
    pub(crate) fn copy(&self, project_path: &str) -> PathBuf {
        let text = fs::read_to_string(project(project_path)).unwrap_or_else(|e| panic!("read {project_path}: {e}"));
        let name = Path::new(project_path).file_name().and_then(|n| n.to_str()).expect("a file's name");
        self.write(name, &text)
    }

    fn give(&self, path: &Path) {
        if self.changes_user() {
            chown(path, Some(ORDINARY), Some(ORDINARY)).unwrap_or_else(|e| panic!("chown {}: {e}", path.display()));
        }
    }

    /// Another program, in this place's surroundings.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let path = format!("{}:/usr/local/sbin:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let command = Command::new(program)
            .directory(self.path())
            .env("ANYBED_RUNTIME_DIR", self.runtime())
            .env("TMPDIR", self.temporary())
            .env("PATH", path)
            .env_remove("ANYBED_LOG")
            .env_remove("ANYBED_BIRD")
            .env_remove("ANYBED_FRR");
        if self.changes_user() { command.user(ORDINARY) } else { command }
    }

    pub(crate) fn anybed(&self) -> Command {
        self.command(&self.program)
    }

    /// Runs the program with these words, separated by spaces.
    pub(crate) fn run(&self, words: &str) -> Done {
        self.anybed().args(words.split_whitespace()).run()
    }
}

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What the test is called, as far as a lab's name allows.
fn lab_name(test: &str, scene: Scene) -> String {
    let suffix = format!("-{}", scene.name());
    let fine = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let stem: String = test.chars().map(fine).take(32 - suffix.len()).collect();
    format!("{}{suffix}", stem.trim_end_matches('-'))
}

fn is_open_to_others(program: &Path) -> bool {
    let has = |path: &Path, bits| path.metadata().is_ok_and(|m| m.permissions().mode() & bits == bits);
    has(program, 0o005) && program.ancestors().skip(1).all(|folder| has(folder, 0o001))
}
