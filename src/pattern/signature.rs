//! What lines of one pattern have in common: their words and the places of what varies.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::pattern::bytes::{self, DIGIT, LETTER, is};
use crate::pattern::mask::{Piece, pieces};

/// Longer runs of what varies count as one of so many: the length of a list is no difference.
const WILD_RUN_MAX: u8 = 3;
/// Of a line without words, so many marks count.
const MARKS_MAX: usize = 24;
const END: u8 = 0x1f;
const WILD: u8 = 0x01;

/// A word of a signature, or the place of what varies.
///
/// The lowest bits say what matters of the word's text; the others are its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Token(u64);

impl Token {
    pub(super) const WILD: Token = Token(0);
    const IS_KEY: u64 = 1;
    const IS_CAPS: u64 = 2;
    const IS_WORD: u64 = 4;

    fn new(text: &[u8]) -> Token {
        let mut bits = Token::IS_WORD;
        if text.ends_with(b"=") {
            bits |= Token::IS_KEY;
        }
        if bytes::is_all_caps(text) {
            bits |= Token::IS_CAPS;
        }
        Token(xxh3_64(text) & !7 | bits)
    }

    pub(super) fn is_wild(self) -> bool {
        self == Token::WILD
    }

    /// Whether it is the name of a value, with `=`.
    pub(super) fn is_key(self) -> bool {
        self.0 & Token::IS_KEY != 0
    }

    /// Whether it is in capitals, as names of states are.
    pub(super) fn is_caps(self) -> bool {
        self.0 & Token::IS_CAPS != 0
    }

    pub(super) fn hash(self) -> u64 {
        self.0
    }
}

/// The signature of the line at hand. It keeps its memory from line to line.
#[derive(Debug, Clone, Default)]
pub(super) struct Signature {
    /// Each token with [`END`] behind it.
    text: Vec<u8>,
    has_words: bool,
}

impl Signature {
    /// Turns to `message`.
    pub(super) fn set(&mut self, message: &[u8]) {
        self.text.clear();
        self.has_words = false;
        let mut run = 0;
        pieces(message, &mut |piece, range: Range<usize>| match piece {
            Piece::Wild(_) => {
                if run < WILD_RUN_MAX {
                    self.text.extend([WILD, END]);
                }
                run = run.saturating_add(1);
            }
            Piece::Word | Piece::Key => {
                run = 0;
                self.has_words = true;
                self.text.extend_from_slice(&message[range]);
                self.text.push(END);
            }
        });
        if !self.has_words {
            self.add_marks(message);
        }
    }

    /// Of a line without words, the punctuation says what it is.
    fn add_marks(&mut self, message: &[u8]) {
        let mut last = None;
        let is_mark = |byte: &&u8| byte.is_ascii_punctuation() && !is(**byte, LETTER | DIGIT);
        for mark in message.iter().filter(is_mark).take(MARKS_MAX * 4) {
            if last != Some(*mark) && self.text.len() < MARKS_MAX * 4 {
                self.text.extend([*mark, END]);
            }
            last = Some(*mark);
        }
    }

    pub(super) fn hash(&self) -> u64 {
        xxh3_64(&self.text)
    }

    /// The hash of the words alone.
    pub(super) fn words_hash(&self) -> u64 {
        if !self.has_words {
            return self.hash();
        }
        words_hash(&self.tokens())
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        let tokens = self.text.split(|byte| *byte == END);
        let tokens = tokens.map(|text| if text == [WILD] { Token::WILD } else { Token::new(text) });
        let mut tokens: Vec<Token> = tokens.collect();
        // Behind the last end is nothing.
        tokens.pop();
        tokens
    }

    /// The place in `tokens` of each piece of the message, in order.
    pub(super) fn places(message: &[u8]) -> Vec<(Piece, Range<usize>, usize)> {
        let (mut places, mut next, mut run) = (Vec::new(), 0, 0);
        pieces(message, &mut |piece, range| {
            let is_wild = matches!(piece, Piece::Wild(_));
            run = if is_wild { run + 1 } else { 0 };
            if run > usize::from(WILD_RUN_MAX) {
                places.push((piece, range, next - 1));
                return;
            }
            places.push((piece, range, next));
            next += 1;
        });
        places
    }
}

/// The hash of the words in `tokens`.
pub(super) fn words_hash(tokens: &[Token]) -> u64 {
    let words = tokens.iter().filter(|token| !token.is_wild());
    words.fold(0x5bd1_e995, |hash, token| mix(hash, token.hash()))
}

/// The hash of `tokens` in which the one at `hole` may be any.
pub(super) fn hole_hash(tokens: &[Token], hole: usize) -> u64 {
    let hash =
        |hash, (at, token): (usize, &Token)| mix(hash, if at == hole { u64::MAX } else { token.hash() });
    tokens.iter().enumerate().fold(tokens.len() as u64, hash)
}

fn mix(hash: u64, value: u64) -> u64 {
    let product = u128::from(hash.rotate_left(23) ^ value) * 0x9e37_79b9_7f4a_7c15;
    (product >> 64) as u64 ^ product as u64
}
