//! What one `fdatasync` of the disk takes: the least that a durable write can.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::Instant,
};

use crate::failure::{Context, Outcome};

/// A file in the folder of what is measured.
pub(crate) struct Disk(File);

/// The size of what is written before each sync.
const BLOCK: [u8; 4096] = [1; 4096];

impl Disk {
    pub(crate) fn open(folder: &Path) -> Outcome<Self> {
        let file = folder.join("fdatasync");
        Ok(Self(File::create(&file).context(file.display())?))
    }

    /// Appends 4 KiB and syncs, so many times; seconds of each. The file's length changes with each,
    /// which the file system has to note durably too.
    pub(crate) fn append(&mut self, many: usize) -> Outcome<Vec<f64>> {
        self.0.seek(SeekFrom::End(0))?;
        self.sync(many, false)
    }

    /// Writes the same 4 KiB over and over and syncs, so many times; seconds of each.
    pub(crate) fn overwrite(&mut self, many: usize) -> Outcome<Vec<f64>> {
        self.sync(many, true)
    }

    fn sync(&mut self, many: usize, over: bool) -> Outcome<Vec<f64>> {
        let mut seconds = Vec::with_capacity(many);
        for _ in 0..many {
            let start = Instant::now();
            if over {
                self.0.seek(SeekFrom::Start(0))?;
            }
            self.0.write_all(&BLOCK)?;
            // On Linux this is fdatasync(2).
            self.0.sync_data()?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }
}
