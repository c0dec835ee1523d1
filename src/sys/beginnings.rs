//! Finds the places in bytes where some short text may begin, many places at a time.
//!
//! Each text belongs to a *bucket*. For each of the first four bytes of its texts, a bucket knows which bytes they may be. A place
//! is a hit of a bucket if all four fit. A shuffle looks up many bytes in eight buckets at once: with AVX-512 by the whole byte,
//! with AVX2 by its low and its high half (the idea is Teddy's, from Hyperscan). A hit is only likely: the caller compares, and the
//! search goes on at once if nothing is there.
#![allow(unsafe_code)]

/// How many bytes of a text are looked at.
pub const WIDTH: usize = 4;
/// A shuffle looks up a set of so many buckets.
pub const SET: usize = 8;
/// The most places that are searched at a time.
const PLACES_MAX: usize = 64;

/// How the places are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// One after the other.
    Plain,
}

impl Way {
    #[cfg(target_arch = "x86_64")]
    fn best() -> Way {
        if is_x86_feature_detected!("avx512vbmi") && is_x86_feature_detected!("avx512bw") {
            Way::Avx512
        } else if is_x86_feature_detected!("avx2") {
            Way::Avx2
        } else {
            Way::Plain
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn best() -> Way {
        Way::Plain
    }
}

/// The buckets of a set, by the byte at one place of their texts.
#[derive(Debug, Clone, Copy)]
struct Buckets {
    /// By the byte, of ASCII and of others.
    of_ascii: [u8; 128],
    of_others: [u8; 128],
    /// By the lower and the upper half of the byte.
    of_low: [u8; 16],
    of_high: [u8; 16],
}

impl Buckets {
    const NONE: Buckets =
        Buckets { of_ascii: [0; 128], of_others: [0; 128], of_low: [0; 16], of_high: [0; 16] };

    /// By the lower seven bits of the byte.
    #[cfg(target_arch = "x86_64")]
    fn of_seven_bits(&self) -> [u8; 128] {
        std::array::from_fn(|byte| self.of_ascii[byte] | self.of_others[byte])
    }

    fn add(&mut self, byte: u8, bucket: u8) {
        let table = if byte.is_ascii() { &mut self.of_ascii } else { &mut self.of_others };
        table[usize::from(byte & 127)] |= bucket;
        self.of_low[usize::from(byte & 15)] |= bucket;
        self.of_high[usize::from(byte >> 4)] |= bucket;
    }
}

/// The bytes that may begin texts, by bucket, in up to four sets of buckets.
#[derive(Debug, Clone)]
pub struct BeginningSearch<const SETS: usize> {
    sets: [[Buckets; WIDTH]; SETS],
    way: Way,
}

impl<const SETS: usize> Default for BeginningSearch<SETS> {
    fn default() -> BeginningSearch<SETS> {
        BeginningSearch { sets: [[Buckets::NONE; WIDTH]; SETS], way: Way::best() }
    }
}

impl<const SETS: usize> BeginningSearch<SETS> {
    /// Adds texts to `bucket`: those with one of the bytes in `places[0]` first, one of those in `places[1]` second, and so on.
    /// An empty place, or one that is not there, may have any byte. Places beyond [`WIDTH`] are ignored.
    pub fn add(&mut self, bucket: usize, places: &[&[u8]]) {
        let (set, bit) = (bucket / SET, 1 << (bucket % SET));
        for (at, buckets) in self.sets[set].iter_mut().enumerate() {
            match places.get(at) {
                Some(bytes) if !bytes.is_empty() => bytes.iter().for_each(|byte| buckets.add(*byte, bit)),
                _ => (0..=255).for_each(|byte| buckets.add(byte, bit)),
            }
        }
    }

    /// The first place at or after `from` which `is_found` confirms. It is asked for each place that may be one, in order, with a
    /// bit for each bucket. Behind the end of `bytes`, NULs are assumed.
    pub fn find(
        &self,
        bytes: &[u8],
        from: usize,
        mut is_found: impl FnMut(usize, u32) -> bool,
    ) -> Option<usize> {
        let rest = match self.find_by_many(bytes, from, &mut is_found) {
            Ok(found) => return Some(found),
            Err(rest) => rest,
        };
        if self.way == Way::Plain {
            return (rest..bytes.len()).find(|at| {
                let buckets = self.buckets_at(bytes, *at);
                buckets != 0 && is_found(*at, buckets)
            });
        }
        let tail = bytes.get(rest..).unwrap_or_default();
        let mut padded = [0; 2 * PLACES_MAX + WIDTH - 1];
        padded[..tail.len()].copy_from_slice(tail);
        let is_found = &mut |at: usize, buckets: u32| at < tail.len() && is_found(rest + at, buckets);
        let found = self.find_by_many(&padded, 0, is_found);
        found.ok().map(|at| rest + at)
    }

    /// The first place that is confirmed, or where the rest begins that is shorter than what is searched at a time.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "there is no such search"))]
    fn find_by_many(
        &self,
        bytes: &[u8],
        from: usize,
        is_found: &mut impl FnMut(usize, u32) -> bool,
    ) -> Result<usize, usize> {
        match self.way {
            // SAFETY: the processor has AVX-512 with BW and VBMI.
            #[cfg(target_arch = "x86_64")]
            Way::Avx512 => unsafe { self.find_with_avx512(bytes, from, is_found) },
            // SAFETY: the processor has AVX2.
            #[cfg(target_arch = "x86_64")]
            Way::Avx2 => unsafe { self.find_with_avx2(bytes, from, is_found) },
            Way::Plain => Err(from),
        }
    }

    /// The buckets whose texts may begin at `at`.
    fn buckets_at(&self, bytes: &[u8], at: usize) -> u32 {
        let of_set = |set: &[Buckets; WIDTH]| {
            set.iter().enumerate().fold(0xff, |hits, (place, buckets)| {
                let byte = bytes.get(at + place).copied().unwrap_or_default();
                hits & buckets.of_low[usize::from(byte & 15)] & buckets.of_high[usize::from(byte >> 4)]
            })
        };
        self.sets.iter().rev().fold(0, |all, set| all << SET | u32::from(of_set(set)))
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn find_with_avx512(
        &self,
        bytes: &[u8],
        from: usize,
        is_found: &mut impl FnMut(usize, u32) -> bool,
    ) -> Result<usize, usize> {
        use std::arch::x86_64::{
            __m512i, _mm512_and_si512, _mm512_loadu_si512, _mm512_mask_blend_epi8, _mm512_movepi8_mask,
            _mm512_or_si512, _mm512_permutex2var_epi8, _mm512_setzero_si512, _mm512_storeu_si512,
            _mm512_test_epi8_mask,
        };
        const PLACES: usize = 64;
        let table = |of_byte: &[u8; 128]| -> [__m512i; 2] {
            let halves = [&of_byte[..64], &of_byte[64..]];
            // SAFETY: 64 bytes are read, each half has as many.
            halves.map(|half| unsafe { _mm512_loadu_si512(half.as_ptr().cast()) })
        };
        let of_ascii = self.sets.each_ref().map(|set| table(&set[0].of_ascii));
        let of_second = self.sets.each_ref().map(|set| table(&set[1].of_seven_bits()));
        let of_third = self.sets.each_ref().map(|set| table(&set[2].of_seven_bits()));
        let of_fourth = self.sets.each_ref().map(|set| table(&set[3].of_seven_bits()));
        let mut at = from;
        while at + PLACES + WIDTH - 1 <= bytes.len() {
            // SAFETY: 64 bytes from `at + place` on are within `bytes`, by the condition of the loop.
            let chunk = |place: usize| unsafe { _mm512_loadu_si512(bytes.as_ptr().add(at + place).cast()) };
            let (first, second, third, fourth) = (chunk(0), chunk(1), chunk(2), chunk(3));
            let others = _mm512_movepi8_mask(first);
            let mut hits = [_mm512_setzero_si512(); SETS];
            let mut any = _mm512_setzero_si512();
            for set in 0..SETS {
                let mut of_first = _mm512_permutex2var_epi8(of_ascii[set][0], first, of_ascii[set][1]);
                if others != 0 {
                    let table = table(&self.sets[set][0].of_others);
                    let of_others = _mm512_permutex2var_epi8(table[0], first, table[1]);
                    of_first = _mm512_mask_blend_epi8(others, of_first, of_others);
                }
                let of_second = _mm512_permutex2var_epi8(of_second[set][0], second, of_second[set][1]);
                let of_third = _mm512_permutex2var_epi8(of_third[set][0], third, of_third[set][1]);
                let of_fourth = _mm512_permutex2var_epi8(of_fourth[set][0], fourth, of_fourth[set][1]);
                let front = _mm512_and_si512(of_first, of_second);
                hits[set] = _mm512_and_si512(front, _mm512_and_si512(of_third, of_fourth));
                any = _mm512_or_si512(any, hits[set]);
            }
            let places = _mm512_test_epi8_mask(any, any);
            if places != 0 {
                let mut buckets = [[0_u8; PLACES]; SETS];
                for (buckets, hits) in buckets.iter_mut().zip(hits) {
                    // SAFETY: 64 bytes are written, the array has as many.
                    unsafe { _mm512_storeu_si512(buckets.as_mut_ptr().cast(), hits) };
                }
                if let Some(place) = confirmed(places, &buckets, |place, hits| is_found(at + place, hits)) {
                    return Ok(at + place);
                }
            }
            at += PLACES;
        }
        Err(at)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn find_with_avx2(
        &self,
        bytes: &[u8],
        from: usize,
        is_found: &mut impl FnMut(usize, u32) -> bool,
    ) -> Result<usize, usize> {
        use std::arch::x86_64::{
            _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
            _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
            _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_storeu_si256,
        };
        const PLACES: usize = 32;
        let table = |halves: &[u8; 16]| {
            // SAFETY: 16 bytes are read, the array has as many.
            _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(halves.as_ptr().cast()) })
        };
        let of_place = |buckets: &Buckets| [table(&buckets.of_low), table(&buckets.of_high)];
        let tables = self.sets.each_ref().map(|set| set.each_ref().map(of_place));
        let half = _mm256_set1_epi8(15);
        let mut at = from;
        while at + PLACES + WIDTH - 1 <= bytes.len() {
            let mut hits = [_mm256_set1_epi8(-1); SETS];
            for place in 0..WIDTH {
                // SAFETY: 32 bytes from `at + place` on are within `bytes`, by the condition of the loop.
                let chunk = unsafe { _mm256_loadu_si256(bytes.as_ptr().add(at + place).cast()) };
                let low = _mm256_and_si256(chunk, half);
                let high = _mm256_and_si256(_mm256_srli_epi16::<4>(chunk), half);
                for (hits, table) in hits.iter_mut().zip(&tables) {
                    let [of_low, of_high] = table[place];
                    let fits = _mm256_and_si256(
                        _mm256_shuffle_epi8(of_low, low),
                        _mm256_shuffle_epi8(of_high, high),
                    );
                    *hits = _mm256_and_si256(*hits, fits);
                }
            }
            let any = hits.into_iter().fold(_mm256_setzero_si256(), |any, hits| _mm256_or_si256(any, hits));
            let places = !_mm256_movemask_epi8(_mm256_cmpeq_epi8(any, _mm256_setzero_si256()));
            if places != 0 {
                let mut buckets = [[0_u8; PLACES]; SETS];
                for (buckets, hits) in buckets.iter_mut().zip(hits) {
                    // SAFETY: 32 bytes are written, the array has as many.
                    unsafe { _mm256_storeu_si256(buckets.as_mut_ptr().cast(), hits) };
                }
                let places = u64::from(places.cast_unsigned());
                if let Some(place) = confirmed(places, &buckets, |place, hits| is_found(at + place, hits)) {
                    return Ok(at + place);
                }
            }
            at += PLACES;
        }
        Err(at)
    }
}

/// The first of `places`, a bit for each, which `is_found` confirms.
#[cfg(target_arch = "x86_64")]
fn confirmed<const PLACES: usize, const SETS: usize>(
    places: u64,
    buckets: &[[u8; PLACES]; SETS],
    mut is_found: impl FnMut(usize, u32) -> bool,
) -> Option<usize> {
    let mut places = places;
    while places != 0 {
        let place = places.trailing_zeros() as usize;
        places &= places - 1;
        let hits = buckets.iter().rev().fold(0, |all, set| all << SET | u32::from(set[place]));
        if is_found(place, hits) {
            return Some(place);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(search: &BeginningSearch<2>, bytes: &[u8], from: usize) -> Vec<(usize, u32)> {
        let mut hits = Vec::new();
        let found = search.find(bytes, from, |at, buckets| {
            hits.push((at, buckets));
            false
        });
        assert_eq!(found, None);
        hits
    }

    /// The search by each way that this processor has.
    fn by_each_way<const SETS: usize>(search: &BeginningSearch<SETS>) -> Vec<BeginningSearch<SETS>> {
        let mut ways = vec![Way::Plain];
        #[cfg(target_arch = "x86_64")]
        ways.extend(match Way::best() {
            Way::Avx512 => vec![Way::Avx2, Way::Avx512],
            Way::Avx2 => vec![Way::Avx2],
            Way::Plain => vec![],
        });
        ways.into_iter().map(|way| BeginningSearch { way, ..search.clone() }).collect()
    }

    #[test]
    fn every_way_finds_the_same() {
        let mut search = BeginningSearch::<2>::default();
        search.add(0, &[b"e", b"r", b"r"]);
        search.add(7, &[b"[", b"EF", b"", b"] "]);
        search.add(8, &[b"\n"]);
        search.add(15, &[b"ab", b"cd", b"ef", b"gh"]);
        let ways = by_each_way(&search);
        let mut random = fastrand::Rng::with_seed(1);
        for length in (0..200).chain([4_000]) {
            let bytes: Vec<u8> =
                (0..length).map(|_| *random.choice(b"err[EF]x \nabcdefgh").unwrap()).collect();
            for from in [0, 1, length / 2, length] {
                let from = from.min(length);
                let found: Vec<_> = ways.iter().map(|search| hits(search, &bytes, from)).collect();
                assert!(found.windows(2).all(|two| two[0] == two[1]), "{length} {from}: {found:?}");
            }
        }
    }

    #[test]
    fn every_text_is_hit_by_its_bucket_also_at_the_end() {
        let mut search = BeginningSearch::default();
        for (bucket, text) in ["error", "12", "<", "}{}{"].iter().enumerate() {
            let places: Vec<[u8; 1]> = text.bytes().map(|byte| [byte]).collect();
            search.add(bucket * 5, &places.iter().map(<[u8; 1]>::as_slice).collect::<Vec<_>>());
        }
        for (bucket, text) in ["error", "12", "<", "}{}{"].iter().enumerate() {
            for before in 0..80 {
                let bytes = format!("{}{text}", " ".repeat(before));
                for search in by_each_way(&search) {
                    assert_eq!(
                        hits(&search, bytes.as_bytes(), 0),
                        [(before, 1 << (bucket * 5))],
                        "{bytes:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn it_ends_at_what_is_confirmed() {
        let mut search = BeginningSearch::<1>::default();
        search.add(3, &[b"x"]);
        let bytes = [b'x'; 100];
        let mut asked = 0;
        let found = search.find(&bytes, 5, |at, _| {
            asked += 1;
            at == 50
        });
        assert_eq!((found, asked), (Some(50), 46));
    }
}
