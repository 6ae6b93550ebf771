//! Network namespaces and the one thread that steps into them.
//!
//! `setns` acts on the calling thread, so it is confined to this thread: never to a worker of the
//! runtime. Sockets stay in the namespace they were opened in and processes inherit the namespace of
//! the thread that spawned them, so opening and spawning here is all that is ever needed.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use anyhow::{Context, Result, anyhow, ensure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::fstat;

/// Where `ip netns` looks for names. Inside the sandbox this is a private tmpfs.
pub const NAMES: &str = "/run/netns";

/// A network namespace, held open by a descriptor and named in [`NAMES`].
#[derive(Clone, Debug)]
pub struct Namespace {
    file: Arc<OwnedFd>,
    name: Arc<str>,
}

impl Namespace {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// The namespace's bind mount.
    pub fn path(name: &str) -> PathBuf {
        Path::new(NAMES).join(name)
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// The thread that steps into namespaces. It lives as long as the process: what it spawns may be
/// tied to it (`PR_SET_PDEATHSIG` fires when the spawning *thread* ends).
#[derive(Clone)]
pub struct Stepper {
    jobs: mpsc::Sender<Job>,
}

impl Stepper {
    /// Starts the thread. Must be called inside a tokio runtime: jobs run in its context, so that
    /// they may register sockets with it.
    pub fn start() -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let runtime = tokio::runtime::Handle::current();
        let work = move || {
            let _in_runtime = runtime.enter();
            for job in inbox {
                job();
            }
        };
        std::thread::Builder::new().name("netns".into()).spawn(work).context("start the namespace thread")?;
        Ok(Self { jobs })
    }

    /// Runs `job` on the thread, wherever it stands, and waits for its answer.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, wait) = tokio::sync::oneshot::channel();
        let job = Box::new(move || drop(answer.send(job())));
        self.jobs.send(job).map_err(|_| anyhow!("the namespace thread has ended"))?;
        wait.await.context("a job of the namespace thread panicked")?
    }

    /// Runs `job` inside `namespace`.
    pub async fn within<T: Send + 'static>(
        &self,
        namespace: &Namespace,
        job: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let namespace = namespace.clone();
        self.run(move || {
            enter(&namespace)?;
            job()
        })
        .await
    }
}

/// Moves the calling thread into `namespace`; for jobs of a [`Stepper`].
pub fn enter(namespace: &Namespace) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET).with_context(|| format!("enter namespace {}", namespace.name))
}

/// Creates the namespace `name`, leaves the calling thread in it, and names it in [`NAMES`]. For
/// jobs of a [`Stepper`]; 0.4 ms, nearly all of it in the kernel.
pub fn create(name: &str) -> Result<Namespace> {
    let before = inode(&own()?)?;
    unshare(CloneFlags::CLONE_NEWNET).with_context(|| format!("create namespace {name}"))?;
    let file = own()?;
    ensure!(inode(&file)? != before, "the kernel gave namespace {name} no isolation");
    let path = Namespace::path(name);
    File::create(&path).with_context(|| format!("create {}", path.display()))?;
    // A bind mount of the thread's own namespace file, as `ip netns add` does it.
    let own: Option<&Path> = Some(Path::new("/proc/thread-self/ns/net"));
    mount(own, &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .with_context(|| format!("bind {}", path.display()))?;
    Ok(Namespace { file: Arc::new(file.into()), name: name.into() })
}

/// The calling thread's namespace. `/proc/self` would be the main thread's.
fn own() -> Result<File> {
    File::open("/proc/thread-self/ns/net").context("open the thread's own network namespace")
}

fn inode(file: &File) -> Result<(u64, u64)> {
    let stat = fstat(file).context("stat a namespace")?;
    Ok((stat.st_dev, stat.st_ino))
}
