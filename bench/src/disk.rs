//! What one `fdatasync` of the disk takes: the least that a durable write can.

use std::{fs::File, io::Write, path::Path, time::Instant};

use crate::failure::{Context, Outcome};

/// A file that only grows, in the folder of what is measured.
pub(crate) struct Disk(File);

impl Disk {
    pub(crate) fn open(folder: &Path) -> Outcome<Self> {
        let file = folder.join("fdatasync");
        Ok(Self(File::create(&file).context(file.display())?))
    }

    /// Appends 4 KiB and syncs, so many times; seconds of each.
    pub(crate) fn sync(&mut self, many: usize) -> Outcome<Vec<f64>> {
        let mut seconds = Vec::with_capacity(many);
        for _ in 0..many {
            let start = Instant::now();
            self.0.write_all(&[1; 4096])?;
            // On Linux this is fdatasync(2).
            self.0.sync_data()?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }
}
