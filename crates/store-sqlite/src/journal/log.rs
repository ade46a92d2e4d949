//! The file that a report is in before it is answered.
//!
//! A log is a folder of segments. A segment is a header and then records, each its length, its CRC and
//! its bytes. A segment that is full is left alone until all its records are folded, and then written
//! over from its beginning: to write over what a file has already is synced faster than to make it
//! longer, and the disk's use is bounded by what is not folded. Each time, the segment gets a new
//! generation, which goes into the CRCs, so that no record of an earlier time is taken for one of this.
//!
//! What a crash has left half written ends the segment: nobody was told that it was there.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::{Path, PathBuf},
};

use crate::OpenError;

/// The first bytes of every segment.
const MAGIC: &[u8; 8] = b"runslog1";
/// Magic, generation, identity, CRC of these.
const HEADER: usize = 8 + 8 + IDENTITY + 4;
/// Length and CRC.
const RECORD_HEADER: usize = 8;
/// From this size on a segment is full, in bytes. A record may be longer and is then the last.
const SEGMENT: u64 = 8 * 1024 * 1024;

/// How much memory for records is kept from one batch to the next, in bytes.
const KEPT: usize = 1024 * 1024;

/// How long a data file's identity is.
pub(crate) const IDENTITY: usize = 32;

/// Records on their way into the log, each with room for its header.
#[derive(Default)]
pub(crate) struct Records {
    bytes: Vec<u8>,
    payloads: Vec<Range<usize>>,
}

impl Records {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        // One that was large once need not stay so.
        self.bytes.shrink_to(KEPT);
        self.payloads.clear();
    }

    /// Adds what `write` appends as one record; says how many bytes it has.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.bytes.len() + RECORD_HEADER;
        self.bytes.resize(start, 0);
        write(&mut self.bytes);
        self.payloads.push(start..self.bytes.len());
        self.bytes.len() - start
    }

    /// Fills in the headers; answers all bytes.
    fn seal(&mut self, generation: u64) -> &[u8] {
        for payload in &self.payloads {
            let Some(bytes) = self.bytes.get(payload.clone()) else {
                continue;
            };
            let head = record_header(generation, bytes);
            let start = payload.start - RECORD_HEADER;
            if let Some(slot) = self.bytes.get_mut(start..payload.start) {
                slot.copy_from_slice(&head);
            }
        }
        &self.bytes
    }
}

/// A record that was found when the log was opened.
pub(crate) type Found = Vec<u8>;

/// The open log. One process at a time has it: the one with the lock.
pub(crate) struct Log {
    folder: PathBuf,
    identity: [u8; IDENTITY],
    current: Option<Segment>,
    /// Segments that hold what may not be folded yet: their number, and that of their last report.
    full: Vec<(u32, i64)>,
    /// Segments that may be written over.
    free: Vec<u32>,
    next_segment: u32,
    next_generation: u64,
    /// A sync has failed: what of the file is on disk nobody knows, and asking again tells nothing.
    is_broken: bool,
}

struct Segment {
    number: u32,
    file: File,
    generation: u64,
    length: u64,
    /// The number of the last report in it.
    last: i64,
}

impl Log {
    /// Opens the log in that folder, which is made where it is not there, of the data file with that
    /// identity. Answers the records too, in no particular order; whatever they hold stays in the log
    /// until [`Log::append`] is told that it is folded. The file is the lock, to be kept until nothing
    /// of the log is folded any more.
    ///
    /// # Errors
    ///
    /// [`OpenError::InUse`] where another process has it, [`OpenError::ForeignJournal`] where it is of
    /// another data file.
    pub(crate) fn open(
        folder: &Path,
        identity: [u8; IDENTITY],
        number: impl Fn(&[u8]) -> Option<i64>,
    ) -> Result<(Self, Vec<Found>, File), OpenError> {
        let fail = |error| OpenError::Journal {
            folder: folder.to_owned(),
            error,
        };
        make_folder(folder).map_err(fail)?;
        let lock = lock(folder)?;
        let mut log = Self {
            folder: folder.to_owned(),
            identity,
            current: None,
            full: Vec::new(),
            free: Vec::new(),
            next_segment: 0,
            next_generation: 1,
            is_broken: false,
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            let segment = name.to_str().and_then(|name| name.strip_suffix(".log"));
            let is_number = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
            if let Some(Ok(segment)) = segment.filter(is_number).map(str::parse) {
                let records = log.read_segment(segment)?;
                let last = records.iter().filter_map(|record| number(record)).max();
                match last {
                    Some(last) => log.full.push((segment, last)),
                    None => log.free.push(segment),
                }
                found.extend(records);
            }
        }
        Ok((log, found, lock))
    }

    /// Whether it takes nothing more until it is opened again.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Appends the records, of which the last has the number `last`, and syncs. They are durable when
    /// this returns. Where it fails none of them counts, but if the log is broken then, some may be
    /// found when it is next opened: their numbers must not be given again. Up to the number `folded`
    /// all is in the tables too.
    pub(crate) fn append(
        &mut self,
        records: &mut Records,
        last: i64,
        folded: i64,
    ) -> io::Result<()> {
        if self.is_broken {
            return Err(io::Error::other("the journal failed to sync before"));
        }
        let is_full = |segment: &Segment| segment.length >= SEGMENT;
        if self.current.as_ref().is_none_or(is_full) {
            self.next(folded)?;
        }
        let Some(segment) = &mut self.current else {
            return Err(io::Error::other("the journal has no segment"));
        };
        let bytes = records.seal(segment.generation);
        let written = segment
            .file
            .seek(SeekFrom::Start(segment.length))
            .and_then(|_| segment.file.write_all(bytes));
        if let Err(error) = written {
            // A disk that is full, as a rule. What was written of it must not be found later.
            let undone = segment
                .file
                .set_len(segment.length)
                .and_then(|()| segment.file.sync_data());
            self.is_broken = undone.is_err();
            return Err(error);
        }
        if let Err(error) = segment.file.sync_data() {
            self.is_broken = true;
            return Err(error);
        }
        segment.length += u64::try_from(bytes.len()).unwrap_or(0);
        segment.last = last;
        Ok(())
    }

    /// Goes on with a segment that holds nothing any more, or with a new one.
    fn next(&mut self, folded: i64) -> io::Result<()> {
        if let Some(segment) = self.current.take() {
            self.full.push((segment.number, segment.last));
        }
        let free = &mut self.free;
        self.full.retain(|(segment, last)| {
            let is_folded = *last <= folded;
            if is_folded {
                free.push(*segment);
            }
            !is_folded
        });
        let (number, is_new) = match self.free.pop() {
            Some(number) => (number, false),
            None => (self.next_segment, true),
        };
        let generation = self.next_generation;
        let path = self.segment_path(number);
        let opened = open_file(&path).and_then(|mut file| {
            file.write_all(&header(generation, &self.identity))?;
            file.sync_all()?;
            crate::connection::sync_folder(&path)?;
            Ok(file)
        });
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                self.free.push(number);
                self.next_segment += u32::from(is_new);
                return Err(error);
            }
        };
        self.next_generation += 1;
        self.next_segment += u32::from(is_new);
        self.current = Some(Segment {
            number,
            file,
            generation,
            length: u64::try_from(HEADER).unwrap_or(0),
            last: 0,
        });
        Ok(())
    }

    /// The records of a segment, up to the first that is not whole.
    fn read_segment(&mut self, number: u32) -> Result<Vec<Found>, OpenError> {
        self.next_segment = self.next_segment.max(number.saturating_add(1));
        let path = self.segment_path(number);
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|error| OpenError::Journal {
                folder: path.clone(),
                error,
            })?;
        let Some((generation, identity)) = read_header(&bytes) else {
            // Made, and not come to anything.
            return Ok(Vec::new());
        };
        if identity != self.identity {
            return Err(OpenError::ForeignJournal {
                folder: self.folder.clone(),
            });
        }
        self.next_generation = self.next_generation.max(generation.saturating_add(1));
        let mut rest = bytes.get(HEADER..).unwrap_or_default();
        let mut records = Vec::new();
        while let Some((record, after)) = read_record(generation, rest) {
            records.push(record.to_vec());
            rest = after;
        }
        Ok(records)
    }

    /// Puts another file in the place of the segment that is written to; answers the one that was there.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.current.as_mut().unwrap().file, file)
    }

    fn segment_path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number}.log"))
    }
}

fn header(generation: u64, identity: &[u8; IDENTITY]) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(generation.to_le_bytes());
    header.extend(identity);
    header.extend(crc32fast::hash(&header).to_le_bytes());
    header
}

/// Generation and identity, where the bytes begin with a header.
fn read_header(bytes: &[u8]) -> Option<(u64, [u8; IDENTITY])> {
    let (head, crc) = bytes.get(..HEADER)?.split_at(HEADER - 4);
    if crc32fast::hash(head).to_le_bytes() != crc {
        return None;
    }
    let rest = head.strip_prefix(MAGIC)?;
    let (generation, identity) = rest.split_at(8);
    let generation = u64::from_le_bytes(generation.try_into().ok()?);
    Some((generation, identity.try_into().ok()?))
}

fn record_header(generation: u64, payload: &[u8]) -> [u8; RECORD_HEADER] {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&generation.to_le_bytes());
    hasher.update(payload);
    let mut header = [0; RECORD_HEADER];
    let (first, second) = header.split_at_mut(4);
    first.copy_from_slice(&length.to_le_bytes());
    second.copy_from_slice(&hasher.finalize().to_le_bytes());
    header
}

/// The record that the bytes begin with, and what comes after it.
fn read_record(generation: u64, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(RECORD_HEADER)?;
    let length = u32::from_le_bytes(head.get(..4)?.try_into().ok()?);
    let (payload, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    (length > 0 && record_header(generation, payload) == head).then_some((payload, after))
}

/// The journal holds what scripts have printed, so its owner alone may read it.
fn make_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    let made = {
        let mut builder = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)
    };
    #[cfg(not(unix))]
    let made = std::fs::create_dir(folder);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => crate::connection::sync_folder(folder),
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let fail = |error| OpenError::Journal {
        folder: path.clone(),
        error,
    };
    let file = open_file(&path).map_err(fail)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(fail(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [u8; IDENTITY] = [7; IDENTITY];

    /// Records are their number in decimal and whatever comes behind a space.
    fn number(record: &[u8]) -> Option<i64> {
        let text = std::str::from_utf8(record).ok()?;
        text.split(' ').next()?.parse().ok()
    }

    fn open(folder: &Path) -> (Log, Vec<i64>) {
        let (log, found, _) = Log::open(folder, OURS, number).unwrap();
        let mut found: Vec<i64> = found.iter().filter_map(|record| number(record)).collect();
        found.sort_unstable();
        (log, found)
    }

    fn records(texts: &[String]) -> Records {
        let mut records = Records::default();
        for text in texts {
            records.add(|bytes| bytes.extend(text.as_bytes()));
        }
        records
    }

    fn append(log: &mut Log, numbers: Range<i64>, folded: i64) {
        let texts: Vec<String> = numbers.clone().map(|number| number.to_string()).collect();
        log.append(&mut records(&texts), numbers.end - 1, folded)
            .unwrap();
    }

    #[test]
    fn what_was_appended_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, found) = open(folder.path());
        assert!(found.is_empty());
        append(&mut log, 1..4, 0);
        append(&mut log, 4..6, 0);
        drop(log);
        let (mut log, found) = open(folder.path());
        assert_eq!(found, [1, 2, 3, 4, 5]);
        append(&mut log, 6..7, 5);
        drop(log);
        // The first segment was folded, and written over.
        assert_eq!(open(folder.path()).1, [6]);
    }

    #[test]
    fn a_record_that_is_not_whole_ends_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = open(folder.path());
        append(&mut log, 10..13, 0);
        drop(log);
        let path = folder.path().join("0.log");
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let kept = (length.saturating_sub(HEADER)) / (RECORD_HEADER + 2);
            let expected: Vec<i64> = (10..13).take(kept).collect();
            assert_eq!(open(folder.path()).1, expected, "{length} bytes");
        }
        for byte in HEADER..whole.len() {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            let kept = (byte - HEADER) / (RECORD_HEADER + 2);
            let expected: Vec<i64> = (10..13).take(kept).collect();
            assert_eq!(open(folder.path()).1, expected, "byte {byte}");
        }
    }

    #[test]
    fn full_segments_are_written_over_once_they_are_folded() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = open(folder.path());
        let large = |number: i64| format!("{number} {}", "x".repeat(3 * 1024 * 1024));
        for number in 1..40 {
            let texts = [large(number)];
            // The last four are never folded.
            log.append(&mut records(&texts), number, (number - 4).max(0))
                .unwrap();
        }
        drop(log);
        let segments = std::fs::read_dir(folder.path()).unwrap().count() - 1;
        assert!(segments <= 4, "{segments}");
        let (_, found) = open(folder.path());
        assert!((36..40).all(|number| found.contains(&number)), "{found:?}");
    }

    #[test]
    fn a_log_has_one_owner_and_one_data_file() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _, lock) = Log::open(folder.path(), OURS, number).unwrap();
        append(&mut log, 1..2, 0);
        drop(log);
        let refused = Log::open(folder.path(), OURS, number).err();
        assert!(matches!(refused, Some(OpenError::InUse { .. })));
        drop(lock);
        let refused = Log::open(folder.path(), [8; IDENTITY], number).err();
        assert!(matches!(refused, Some(OpenError::ForeignJournal { .. })));
    }

    #[test]
    fn what_could_not_be_written_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = open(folder.path());
        append(&mut log, 1..3, 0);
        // A file that nothing can be written to stands for a disk that takes nothing more.
        let path = folder.path().join("0.log");
        let writable = log.replace_file(File::open(&path).unwrap());
        let refused = log.append(&mut records(&["3".to_owned()]), 3, 0);
        assert!(refused.is_err());
        // It could not be undone either, so that nobody knows what is there.
        log.replace_file(writable);
        assert!(
            log.append(&mut records(&["4".to_owned()]), 4, 0).is_err(),
            "the log is broken until it is opened again"
        );
        drop(log);
        let (mut log, found) = open(folder.path());
        assert_eq!(found, [1, 2]);
        append(&mut log, 5..6, 0);
    }
}
