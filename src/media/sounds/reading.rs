//! A sound file read packet by packet.

use std::io::Cursor;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::Timestamp;

use super::bins::Bins;
use super::opus;
use crate::media::fault::Fault;

/// Samples of all channels that are decoded of one file: two hours in stereo at 48 kHz. A file of 50 MB may hold a
/// thousand times that (silence packs well).
const SAMPLES_MAX: u64 = 2 * 48_000 * 2 * 3_600;
/// Packets of one file: of the shortest that there are, in 50 MB.
const PACKETS_MAX: u64 = 8_000_000;

/// How far a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// For its length.
    Packets,
    /// For its loudness too.
    Decoded,
}

pub(super) struct Read {
    pub(super) duration_ms: u32,
    pub(super) peaks: Option<Vec<u8>>,
}

/// What makes samples of packets.
enum Voice {
    Common(Box<dyn AudioDecoder>),
    Opus(Box<opus::Decoder>),
    /// None is known, or none is wanted any more.
    None,
}

pub(super) fn read(bytes: &[u8], depth: Depth) -> Result<Read, Fault> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let mut reader = symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| fault(&error))?;
    let track = reader.default_track(TrackType::Audio).ok_or(Fault::Broken("there is no sound in it"))?;
    let Some(CodecParameters::Audio(params)) = &track.codec_params else {
        return Err(Fault::Broken("there is no sound in it"));
    };
    let is_opus = params.codec == CODEC_ID_OPUS;
    let rate = if is_opus { opus::RATE } else { params.sample_rate.unwrap_or(0) };
    let said_ms = said(track);
    let (id, time_base) = (track.id, track.time_base);
    let mut heard = Heard {
        voice: match depth {
            Depth::Packets => Voice::None,
            Depth::Decoded => voice(params),
        },
        is_opus,
        bins: Bins::new(),
        samples: 0,
        moments: 0,
        ends: 0,
        buffer: Vec::new(),
    };
    let complete = heard.all(&mut *reader, id)?;
    let counted_ms = millis(heard.moments, rate);
    let packets_ms = time_base
        .and_then(|base| base.calc_time(Timestamp::new(i64::try_from(heard.ends).ok()?)))
        .and_then(|time| u64::try_from(time.as_millis()).ok());
    let decoded = depth == Depth::Decoded && complete && !matches!(heard.voice, Voice::None);
    // What was heard counts before what the file says of itself; a browser's recording says nothing.
    let order = if complete { [counted_ms, packets_ms, said_ms] } else { [packets_ms, said_ms, counted_ms] };
    let duration_ms = order.into_iter().flatten().find(|span| *span > 0);
    let duration_ms = duration_ms.ok_or(Fault::Broken("it has no length"))?;
    let duration_ms = u32::try_from(duration_ms).map_err(|_| Fault::Broken("it has no end"))?;
    let peaks = decoded.then(|| heard.bins.peaks()).filter(|peaks| !peaks.is_empty());
    Ok(Read { duration_ms, peaks })
}

fn millis(samples: u64, rate: u32) -> Option<u64> {
    (samples.checked_mul(1_000)?).checked_div(u64::from(rate))
}

/// Milliseconds by the file's own word.
fn said(track: &Track) -> Option<u64> {
    let time = track.time_base?.calc_duration(track.duration?)?;
    u64::try_from(time.as_millis()).ok()
}

fn voice(params: &AudioCodecParameters) -> Voice {
    if params.codec == CODEC_ID_OPUS {
        let channels = params.channels.as_ref().map_or(2, |channels| channels.count());
        return opus::Decoder::new(channels).map_or(Voice::None, |decoder| Voice::Opus(Box::new(decoder)));
    }
    symphonia::default::get_codecs()
        .make_audio_decoder(params, &AudioDecoderOptions::default())
        .map_or(Voice::None, Voice::Common)
}

struct Heard {
    voice: Voice,
    is_opus: bool,
    bins: Bins,
    /// That were decoded, of all channels.
    samples: u64,
    /// That were decoded, or counted, of one channel.
    moments: u64,
    /// Where the last packet ends, in the track's time.
    ends: u64,
    buffer: Vec<f32>,
}

impl Heard {
    /// Reads all packets of the track; answers whether none was beyond the bounds. A packet that is broken is passed over, as a
    /// player would.
    fn all(&mut self, reader: &mut dyn FormatReader, track: u32) -> Result<bool, Fault> {
        let mut complete = true;
        let mut heard = 0_u64;
        let mut packets = 0_u64;
        loop {
            let packet = match reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                // A file that was cut off in the middle of a packet ends with the one before.
                Err(Error::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                Err(Error::ResetRequired) => break,
                Err(error) => return Err(fault(&error)),
            };
            packets += 1;
            if packets > PACKETS_MAX {
                return Err(Fault::Broken("it is in too many pieces"));
            }
            if packet.track_id != track {
                continue;
            }
            let start = u64::try_from(packet.pts.get()).unwrap_or(0);
            self.ends = self.ends.max(start.saturating_add(packet.dur.get()));
            if self.samples > SAMPLES_MAX {
                self.voice = Voice::None;
                complete = false;
            }
            heard += u64::from(self.hear(&packet));
        }
        // What was not decoded at all was counted, if it can be.
        let counted = self.is_opus && matches!(self.voice, Voice::None);
        Ok(complete && (heard > 0 || counted))
    }

    /// Whether it was heard.
    fn hear(&mut self, packet: &Packet) -> bool {
        match &mut self.voice {
            Voice::None => {
                self.moments +=
                    if self.is_opus { opus::samples(&packet.data).map_or(0, u64::from) } else { 0 };
                false
            }
            Voice::Opus(decoder) => {
                let channels = decoder.channels();
                let Some(samples) = decoder.decode(&packet.data) else { return false };
                self.samples += samples.len() as u64;
                self.moments += (samples.len() / channels) as u64;
                loud(&mut self.bins, samples, channels);
                true
            }
            Voice::Common(decoder) => {
                let Ok(sound) = decoder.decode(packet) else { return false };
                let channels = sound.num_planes();
                if channels == 0 || sound.frames() == 0 {
                    return false;
                }
                sound.copy_to_vec_interleaved::<f32>(&mut self.buffer);
                self.samples += self.buffer.len() as u64;
                self.moments += (self.buffer.len() / channels) as u64;
                loud(&mut self.bins, &self.buffer, channels);
                true
            }
        }
    }
}

fn loud(bins: &mut Bins, samples: &[f32], channels: usize) {
    for moment in samples.chunks_exact(channels) {
        bins.add(moment.iter().fold(0.0, |loudest: f32, sample| loudest.max(sample.abs())));
    }
}

fn fault(error: &Error) -> Fault {
    tracing::debug!(%error, "a sound could not be read");
    match error {
        Error::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Fault::Truncated,
        Error::Unsupported(_) => Fault::Broken("it is of a kind that is not supported"),
        Error::LimitError(_) => Fault::Broken("it is beyond what is read of such a file"),
        _ => Fault::Broken("it cannot be read"),
    }
}
