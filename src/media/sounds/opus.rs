//! Opus: the length of a packet from its first bytes, and its samples.

use opus_decoder::OpusDecoder;

/// Of all that Opus decodes to here.
pub(super) const RATE: u32 = 48_000;
/// Samples of a channel in one packet at most: 120 ms.
const PACKET_MAX: usize = 5_760;

/// Samples of a packet at 48 kHz by its table of contents; `None` for one that is broken.
pub(super) fn samples(packet: &[u8]) -> Option<u32> {
    let (&toc, rest) = packet.split_first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        config => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(rest.first()? & 0x3f),
    };
    Some(frame * frames).filter(|samples| *samples as usize <= PACKET_MAX)
}

/// Decodes the packets of one stream.
pub(super) struct Decoder {
    inner: OpusDecoder,
    channels: usize,
    samples: Vec<f32>,
}

impl Decoder {
    /// `None`: more than one stream of channels.
    pub(super) fn new(channels: usize) -> Option<Self> {
        let inner = OpusDecoder::new(RATE, channels).ok()?;
        Some(Self { inner, channels, samples: vec![0.0; PACKET_MAX * channels] })
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Interleaved; `None` for a broken one.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Option<&[f32]> {
        let count = self.inner.decode_float(packet, &mut self.samples, false).ok()?;
        self.samples.get(..count * self.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packets_length_stands_in_its_first_bytes() {
        // CELT of 20 ms: one frame, two, and three by a count.
        assert_eq!(samples(&[0xfc]), Some(960));
        assert_eq!(samples(&[0xfd, 0]), Some(1_920));
        assert_eq!(samples(&[0xff, 3, 0]), Some(2_880));
        // SILK of 60 ms.
        assert_eq!(samples(&[0x18]), Some(2_880));
        for broken in [&[][..], &[0xff], &[0xff, 63]] {
            assert_eq!(samples(broken), None, "{broken:?}");
        }
    }
}
