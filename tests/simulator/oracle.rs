//! What the program under test should have counted: every generation of the file, whole.
//!
//! A generation is what a file held between two truncations. It is at hand as long as some name leads to a file that
//! holds all of it: the file itself, a copy, or a compressed copy. When it no longer is, whatever was not committed by
//! then may never be counted, and the program has to say so.

use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Generation {
    pub content: Vec<u8>,
    /// How much of it was committed when it was last at hand; all of it as long as it is.
    pub committed_when_lost: Option<u64>,
    /// Whether nothing more is appended, so that a last line without a line feed is a line.
    pub is_over: bool,
}

#[derive(Debug, Default)]
pub struct Oracle {
    pub generations: Vec<Generation>,
    /// Which generation each inode of the disk holds, as original or as copy.
    pub held: BTreeMap<usize, usize>,
    /// Whether the writer took a part of a line back.
    pub was_cut: bool,
}

/// What the total may be.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    pub most: u64,
    pub least: u64,
    /// Whether a generation was destroyed at all.
    pub has_loss: bool,
}

impl Oracle {
    pub fn begin(&mut self, inode: usize) {
        self.generations.push(Generation::default());
        self.held.insert(inode, self.generations.len() - 1);
    }

    pub fn expected(&self) -> Expected {
        let mut expected = Expected { most: 0, least: 0, has_loss: self.was_cut };
        for generation in &self.generations {
            let all = matching(&generation.content, generation.is_over);
            expected.most += all;
            expected.least += all;
            if let Some(committed) = generation.committed_when_lost {
                let kept = &generation.content[..committed as usize];
                expected.least -= all - matching(kept, false);
                expected.has_loss = true;
            }
        }
        expected
    }
}

/// Lines with ERROR. Zeros before a line are no part of it.
fn matching(content: &[u8], is_over: bool) -> u64 {
    let mut lines: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().filter(|_| is_over);
    let is_match = |line: &&[u8]| line.windows(5).any(|window| window == b"ERROR");
    lines.into_iter().chain(last).filter(is_match).count() as u64
}
