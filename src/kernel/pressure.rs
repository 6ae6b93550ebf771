//! How hard the machine works, by the kernel's own counters: CPU time, memory, and packets that
//! found no room.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::sync::Mutex;

use anyhow::{Context, Result};

/// Counters of the whole machine since it booted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// CPU time of all CPUs, in ticks, and how much of it was not idle; what a hypervisor gave to others
    /// (`steal`) is neither idle nor ours.
    pub ticks: u64,
    pub busy: u64,
    pub steal: u64,
    /// Packets that a CPU's backlog had no room for (`net.core.netdev_max_backlog`).
    pub backlog_drops: u64,
    /// Microseconds in which at least one process waited for memory; `None`: the kernel has no PSI.
    pub memory_stall: Option<u64>,
}

impl Counters {
    /// Reads them.
    ///
    /// # Errors
    /// `/proc` is not what Linux makes of it.
    pub fn read() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("read {path}"));
        let (ticks, busy, steal) = cpu(&read("/proc/stat")?).context("/proc/stat has no CPU time")?;
        let backlog_drops = backlog_drops(&read("/proc/net/softnet_stat")?);
        let memory_stall = fs::read_to_string("/proc/pressure/memory").ok().and_then(|text| stall(&text));
        Ok(Self { ticks, busy, steal, backlog_drops, memory_stall })
    }
}

/// All ticks, those that were not idle, and those that were stolen.
fn cpu(stat: &str) -> Option<(u64, u64, u64)> {
    let numbers: Vec<u64> = stat.lines().next()?.strip_prefix("cpu")?.split_whitespace().map_while(number).collect();
    // user nice system idle iowait irq softirq steal; what guests used is in user and nice already.
    let [.., idle, iowait, _, _, steal] = numbers.get(..8)? else { return None };
    let ticks = numbers[..8].iter().sum::<u64>();
    Some((ticks, ticks - idle - iowait, *steal))
}

fn number(word: &str) -> Option<u64> {
    word.parse().ok()
}

/// The second column of each CPU's line, in hexadecimal.
fn backlog_drops(softnet: &str) -> u64 {
    let of_cpu = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    softnet.lines().filter_map(of_cpu).sum()
}

fn stall(pressure: &str) -> Option<u64> {
    pressure.lines().find(|line| line.starts_with("some"))?.rsplit_once("total=")?.1.parse().ok()
}

/// Share of the memory that programs may still get without others being swapped out.
pub fn available_memory() -> Option<f64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok());
    let (available, total): (f64, f64) = (of("MemAvailable:")?, of("MemTotal:")?);
    Some(available / total)
}

/// A namespace's count of datagrams that found their socket's receive buffer full.
#[derive(Debug)]
pub struct ReceiveErrors {
    /// `/proc/net/snmp` and `snmp6`: an open one keeps to the namespace that it was opened in.
    files: Mutex<[File; 2]>,
}

impl ReceiveErrors {
    /// For jobs of a [`super::namespace::Stepper`], inside the namespace.
    pub fn open() -> Result<Self> {
        let open = |path: &str| File::open(path).with_context(|| format!("open {path}"));
        let files = [open("/proc/thread-self/net/snmp")?, open("/proc/thread-self/net/snmp6")?];
        Ok(Self { files: Mutex::new(files) })
    }

    /// Since the namespace was created.
    pub fn count(&self) -> io::Result<u64> {
        let mut files = self.files.lock().expect("no reader of counters panics");
        let mut read = |index: usize| {
            let mut text = String::new();
            let file: &mut File = &mut files[index];
            file.rewind()?;
            file.read_to_string(&mut text)?;
            io::Result::Ok(text)
        };
        Ok(udp4(&read(0)?).unwrap_or(0) + udp6(&read(1)?).unwrap_or(0))
    }
}

/// `RcvbufErrors` by the column that the line of names gives it.
fn udp4(snmp: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter(|line| line.starts_with("Udp:"));
    let column = lines.next()?.split_whitespace().position(|name| name == "RcvbufErrors")?;
    lines.next()?.split_whitespace().nth(column)?.parse().ok()
}

fn udp6(snmp6: &str) -> Option<u64> {
    snmp6.lines().find_map(|line| line.strip_prefix("Udp6RcvbufErrors")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let stat = "cpu  100 5 50 800 20 0 15 10 7 0\ncpu0 1 2 3\n";
        assert_eq!(cpu(stat), Some((1000, 180, 10)), "guests are counted once");
        assert_eq!(cpu("cpu 1 2 3"), None);
        assert_eq!(backlog_drops("0000 0000000a 0\n0000 00000001 0\n"), 11);
        let pressure = "some avg10=0.00 avg60=0.00 avg300=0.00 total=4711\nfull avg10=0.00 total=9\n";
        assert_eq!(stall(pressure), Some(4711));
        let snmp = "Udp: InDatagrams NoPorts RcvbufErrors\nUdp: 7 8 9\nUdpLite: InDatagrams\nUdpLite: 1\n";
        assert_eq!(udp4(snmp), Some(9));
        assert_eq!(udp6("Udp6InErrors   \t3\nUdp6RcvbufErrors   \t4\n"), Some(4));
    }

    #[test]
    fn a_spinning_thread_is_busy_time() {
        let before = Counters::read().unwrap();
        let end = Instant::now() + Duration::from_millis(100);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        let after = Counters::read().unwrap();
        assert!(after.ticks > before.ticks && after.busy > before.busy, "{before:?} {after:?}");
        assert!(available_memory().is_some_and(|share| share > 0.0 && share < 1.0));
    }

    #[test]
    fn a_full_receive_buffer_is_counted() {
        let errors = ReceiveErrors::open().unwrap();
        let before = errors.count().unwrap();
        let [sender, receiver] = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
        socket2::SockRef::from(&receiver).set_recv_buffer_size(1).unwrap();
        for _ in 0..100 {
            sender.send_to(&[0; 1000], receiver.local_addr().unwrap()).unwrap();
        }
        assert!(errors.count().unwrap() > before, "one hundred datagrams found room in the smallest buffer");
    }
}
