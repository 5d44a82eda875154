//! How much memory the machine has.

/// Where that cannot be found out.
const USUAL: u64 = 4 << 30;

/// What the steps of a recurrence may take if nobody says: a quarter of the memory.
pub fn share() -> u64 {
    total().unwrap_or(USUAL) / 4
}

fn total() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
