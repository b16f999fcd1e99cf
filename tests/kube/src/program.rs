//! A program of a control plane as a process.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::Anything;

/// How long a program has to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const POLL: Duration = Duration::from_millis(20);

/// How long a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// As long as this process, however that ends.
    WithUs,
    /// Until it is stopped.
    OnItsOwn,
}

/// Removes a folder once this process, however it ends, and all programs that were started in the folder are gone.
pub struct Keeper {
    /// Its input: the end of it is ours.
    _shell: Child,
}

impl Keeper {
    /// Of this folder.
    pub fn of(folder: &Path) -> Anything<Self> {
        let script = r#"trap '' INT HUP TERM
            cat >/dev/null
            for pid in "$1"/*.pid; do
                while kill -0 "$(cat "$pid" 2>/dev/null)" 2>/dev/null; do sleep 0.1; done
            done
            rm -rf "$1""#;
        let shell = Command::new("/bin/sh")
            .args(["-c", script, "sh"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { _shell: shell })
    }
}

/// A program that was started.
pub struct Program {
    pid_file: PathBuf,
    /// The shell that ends the program with us.
    guard: Option<Child>,
}

impl Program {
    /// Starts `program` with arguments. Its output goes to `<folder>/<name>.log`, its process is told in
    /// `<folder>/<name>.pid`.
    pub fn start(
        folder: &Path,
        name: &str,
        program: &Path,
        arguments: &[String],
        life: Life,
    ) -> Anything<Self> {
        let (log, pid_file) =
            (folder.join(format!("{name}.log")), folder.join(format!("{name}.pid")));
        // The end of a guard's input, which nobody writes to, is the end of whoever started it.
        let script = match life {
            Life::WithUs => {
                r#"trap '' INT HUP TERM
                log=$1 pid=$2; shift 2
                "$@" >>"$log" 2>&1 </dev/null &
                program=$!
                echo $program >"$pid"
                cat >/dev/null
                kill -KILL $program 2>/dev/null
                wait"#
            }
            Life::OnItsOwn => {
                r#"log=$1 pid=$2; shift 2
                echo $$ >"$pid"
                exec "$@" >>"$log" 2>&1 </dev/null"#
            }
        };
        // One that is left of an earlier start would be taken for this one's.
        fs::remove_file(&pid_file).ok();
        let input = if life == Life::WithUs { Stdio::piped() } else { Stdio::null() };
        let guard = Command::new("/bin/sh")
            .args(["-c", script, "sh"])
            .args([&log, &pid_file])
            .arg(program)
            .args(arguments)
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl+C is for us alone.
            .process_group(0)
            .spawn()?;
        let started = Self { pid_file, guard: (life == Life::WithUs).then_some(guard) };
        let start = Instant::now();
        while started.pid().is_none() && start.elapsed() < PATIENCE {
            std::thread::sleep(POLL);
        }
        Ok(started)
    }

    /// The program that an earlier process started.
    pub fn of(folder: &Path, name: &str) -> Self {
        Self { pid_file: folder.join(format!("{name}.pid")), guard: None }
    }

    /// The process, while there is one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let pid = fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()?;
        // A process that has ended but that nobody has waited for is none.
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = status.split_once('(')?.1.rsplit_once(')')?;
        // Numbers are used again. Until a guard's program is that, it is a shell; the kernel keeps 15 characters.
        let expected = self.pid_file.file_stem()?.to_str()?;
        let is_it = expected.starts_with(name) || name == "sh";
        (is_it && !rest.trim_start().starts_with('Z')).then_some(pid)
    }

    /// Resident memory in MiB.
    #[must_use]
    pub fn memory_mib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().split(' ').next()?.parse::<u64>().ok()? / 1024)
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, signal: &str) -> Anything<()> {
        if let Some(pid) = self.pid() {
            let kill = format!("kill -{signal} {pid}");
            Command::new("/bin/sh").args(["-c", &kill]).stderr(Stdio::null()).status()?;
        }
        Ok(())
    }

    /// Ends it, by force where it takes too long.
    pub fn stop(&mut self) -> Anything<()> {
        self.signal("TERM")?;
        let start = Instant::now();
        while self.pid().is_some() {
            if start.elapsed() > PATIENCE {
                self.signal("KILL")?;
            }
            std::thread::sleep(POLL);
        }
        if let Some(mut guard) = self.guard.take() {
            // Which closes its input.
            guard.wait()?;
        }
        fs::remove_file(&self.pid_file).ok();
        Ok(())
    }
}
