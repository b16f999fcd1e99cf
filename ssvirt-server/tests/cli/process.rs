//! Running the binary.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// A debug build hashes slowly, and tests share few cores.
const PATIENCE: Duration = Duration::from_secs(120);

/// A temporary folder; `data` in it is the data folder.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("ssvirt-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

fn command(folder: &Folder, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ssvirt"));
    command.args(args).env_clear().envs(env.iter().copied()).stdin(Stdio::null());
    command.env("SSVIRT_DATA_DIR", folder.path("data"));
    command
}

/// Runs it to its end.
pub fn ssvirt(folder: &Folder, args: &[&str], env: &[(&str, &str)]) -> Output {
    command(folder, args, env).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a server has said.
pub struct Said {
    pub stdout: String,
    pub stderr: String,
}

/// A server that is ready; killed when dropped.
pub struct Server<'a> {
    folder: &'a Folder,
    child: Child,
}

impl<'a> Server<'a> {
    /// Starts it and waits until it is ready.
    pub fn start(folder: &'a Folder, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = command(folder, args, env);
        command.arg("--ready-file").arg(folder.path("ready"));
        let file = |name: &str| File::create(folder.path(name)).unwrap();
        command.stdout(file("stdout")).stderr(file("stderr"));
        let mut server = Self { folder, child: command.spawn().unwrap() };
        let started = Instant::now();
        while !server.ready_file().exists() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended with {ended:?}: {}", server.said().stderr);
            assert!(started.elapsed() < PATIENCE, "not ready: {}", server.said().stderr);
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn ready_file(&self) -> PathBuf {
        self.folder.path("ready")
    }

    /// What the ready file says.
    pub fn root(&self) -> String {
        let text = fs::read_to_string(self.ready_file()).unwrap();
        let line = text.strip_suffix('\n').expect("a whole line");
        assert!(!line.contains('\n') && !line.ends_with("/api"));
        line.to_owned()
    }

    /// Where it listens, which with a public URL only the log says.
    pub fn address(&self) -> SocketAddr {
        let said = self.said();
        let text = said.stderr.split("listen=").nth(1).expect("an address in the log");
        let address: SocketAddr = text.split_whitespace().next().unwrap().parse().unwrap();
        match address.ip().is_unspecified() {
            true => SocketAddr::from(([127, 0, 0, 1], address.port())),
            false => address,
        }
    }

    /// Stops it, which must succeed and be quick.
    pub fn stop(self) -> Said {
        self.stop_with("TERM")
    }

    pub fn stop_with(mut self, signal: &str) -> Said {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < Duration::from_secs(9), "did not stop");
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = self.said();
        assert!(status.success(), "{status}: {}", said.stderr);
        said
    }

    fn said(&self) -> Said {
        let read = |name: &str| fs::read_to_string(self.folder.path(name)).unwrap();
        Said { stdout: read("stdout"), stderr: read("stderr") }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
