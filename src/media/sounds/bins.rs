//! Loudness over time of a sound whose length is not known before its end, in bounded room.

/// What is kept of it at the end.
pub(super) const PEAKS_MAX: usize = 128;
/// Stretches while it is read; when they are full, two become one.
const BINS: usize = PEAKS_MAX * 2;
/// Samples of the first stretches: 10 ms at 48 kHz.
const FIRST: u32 = 480;

pub(super) struct Bins {
    /// Each the loudest sample of its stretch.
    full: Vec<f32>,
    /// Samples of a stretch.
    length: u32,
    loudest: f32,
    /// Samples of the present stretch.
    samples: u32,
}

impl Bins {
    pub(super) fn new() -> Self {
        Self { full: Vec::with_capacity(BINS), length: FIRST, loudest: 0.0, samples: 0 }
    }

    /// The next moment: the loudest of its channels, 0 to 1.
    pub(super) fn add(&mut self, loudness: f32) {
        // What is no number is no sound.
        self.loudest = self.loudest.max(loudness.min(1.0));
        self.samples += 1;
        if self.samples == self.length {
            self.close();
        }
    }

    fn close(&mut self) {
        self.full.push(std::mem::take(&mut self.loudest));
        self.samples = 0;
        if self.full.len() == BINS {
            self.full = halved(&self.full);
            self.length = self.length.saturating_mul(2);
        }
    }

    pub(super) fn peaks(mut self) -> Vec<u8> {
        if self.samples > 0 {
            self.close();
        }
        if self.full.len() > PEAKS_MAX {
            self.full = halved(&self.full);
        }
        self.full.iter().map(|loudest| (loudest * 255.0).round() as u8).collect()
    }
}

fn halved(bins: &[f32]) -> Vec<f32> {
    bins.chunks(2).map(|pair| pair.iter().copied().fold(0.0, f32::max)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_of_any_length_has_a_bounded_number_of_peaks_in_order() {
        for samples in [0_u32, 1, 479, 481, 48_000, 3_000_017] {
            let mut bins = Bins::new();
            // Louder and louder.
            (0..samples).for_each(|at| bins.add(at as f32 / samples as f32));
            let peaks = bins.peaks();
            assert!(
                peaks.len() <= PEAKS_MAX && (samples == 0) == peaks.is_empty(),
                "{samples}: {}",
                peaks.len()
            );
            assert!(peaks.is_sorted());
        }
    }

    #[test]
    fn what_is_no_number_is_silence() {
        let mut bins = Bins::new();
        [f32::NAN, f32::INFINITY, -1.0].into_iter().for_each(|loudness| bins.add(loudness));
        assert_eq!(bins.peaks(), [255]);
    }
}
