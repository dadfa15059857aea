//! SQLite's write-ahead log as bytes: where the last committed frame ends, and what a crash in the middle of the next
//! write would leave behind it.
//!
//! From the file format as SQLite documents it (`fileformat2.html`, "The Write-Ahead Log"): a header of 32 bytes, then
//! frames of a header of 24 bytes and a page. A frame counts when its salts are the header's and its checksum, which
//! goes on from frame to frame, is right; and it is committed when a frame up to the next one that gives the size of
//! the database follows.

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// Checksums over little-endian words; one more means big-endian.
const MAGIC: u32 = 0x377f_0682;

/// A `-wal` file.
pub(crate) struct Wal {
    page_size: usize,
    salts: [u8; 8],
    /// Bytes up to the end of the last committed frame.
    pub(crate) committed_end: usize,
    /// Committed frames.
    pub(crate) frames: usize,
}

impl Wal {
    /// Reads one; none when it is empty or its header isn't valid.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let is_big = match word(header, 0) {
            MAGIC => false,
            magic if magic == MAGIC + 1 => true,
            _ => return None,
        };
        let page_size = usize::try_from(word(header, 8)).ok()?;
        let mut sum = checksum(is_big, (0, 0), &header[..24]);
        if sum != (word(header, 24), word(header, 28)) {
            return None;
        }
        let salts = header[16..24].try_into().ok()?;
        let mut wal = Self {
            page_size,
            salts,
            committed_end: HEADER,
            frames: 0,
        };
        let length = FRAME_HEADER + page_size;
        for (index, frame) in bytes[HEADER..].chunks_exact(length).enumerate() {
            sum = checksum(is_big, sum, &frame[..8]);
            sum = checksum(is_big, sum, &frame[FRAME_HEADER..]);
            if frame[8..16] != wal.salts || sum != (word(frame, 16), word(frame, 20)) {
                break;
            }
            if word(frame, 4) > 0 {
                wal.committed_end = HEADER + (index + 1) * length;
                wal.frames = index + 1;
            }
        }
        Some(wal)
    }

    /// What the next write would have begun with, had it not been cut off: the frame of a page, with the right salts and
    /// a checksum that nothing has yet, `bytes` of it.
    pub(crate) fn torn_frame(&self, bytes: usize) -> Vec<u8> {
        let mut frame = Vec::with_capacity(FRAME_HEADER + self.page_size);
        // Page 1, and it says that with it the transaction is committed.
        frame.extend_from_slice(&1_u32.to_be_bytes());
        frame.extend_from_slice(&1_u32.to_be_bytes());
        frame.extend_from_slice(&self.salts);
        frame.resize(FRAME_HEADER, 0);
        frame.resize(FRAME_HEADER + self.page_size, 0xa5);
        frame.truncate(bytes);
        frame
    }

    /// Bytes of a whole frame.
    pub(crate) fn frame_length(&self) -> usize {
        FRAME_HEADER + self.page_size
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn checksum(is_big: bool, (mut s0, mut s1): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let half = |at: usize| {
            let half = pair[at..at + 4].try_into().unwrap();
            if is_big {
                u32::from_be_bytes(half)
            } else {
                u32::from_le_bytes(half)
            }
        };
        s0 = s0.wrapping_add(half(0)).wrapping_add(s1);
        s1 = s1.wrapping_add(half(4)).wrapping_add(s0);
    }
    (s0, s1)
}

/// A log of one-page frames, of which some commit: to try [`Wal::read`] on.
pub(crate) fn sample(commits: &[bool]) -> Vec<u8> {
    const PAGE: usize = 512;
    let mut bytes = Vec::new();
    for number in [MAGIC, 3_007_000, 512, 0, 11, 22] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    let mut sum = checksum(false, (0, 0), &bytes);
    let salts = bytes[16..24].to_vec();
    bytes.extend(sum.0.to_be_bytes().into_iter().chain(sum.1.to_be_bytes()));
    for &commit in commits {
        let mut start = 1_u32.to_be_bytes().to_vec();
        start.extend_from_slice(&u32::from(commit).to_be_bytes());
        let page = [7; PAGE];
        sum = checksum(false, checksum(false, sum, &start), &page);
        bytes.extend(start);
        bytes.extend_from_slice(&salts);
        bytes.extend(sum.0.to_be_bytes().into_iter().chain(sum.1.to_be_bytes()));
        bytes.extend_from_slice(&page);
    }
    bytes
}
