//! Lengths and loudness of sounds, and what is left of what they told.

use proptest::prelude::*;

use super::*;

const OTHER: &str = "it holds a stream that is neither Opus nor Vorbis";
const SECRET: &[u8] = b"51.4779N 0.0015W by Ada";

/// PCM of 8 bits, 8,000 a second: half of it silence, half as loud as can be.
fn wav(samples: u32) -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    file.extend_from_slice(&(36 + samples).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16_u32.to_le_bytes());
    for (number, bytes) in [(1_u32, 2), (1, 2), (8_000, 4), (8_000, 4), (1, 2), (8, 2)] {
        file.extend_from_slice(&number.to_le_bytes()[..bytes]);
    }
    file.extend_from_slice(b"data");
    file.extend_from_slice(&samples.to_le_bytes());
    file.resize(file.len() + samples as usize / 2, 128);
    file.resize(file.len() + (samples - samples / 2) as usize, 255);
    file
}

/// Frames of MPEG 1 layer III: 128 kbit/s, 44.1 kHz, 417 bytes and 26.12 ms each.
fn mp3(frames: usize) -> Vec<u8> {
    let mut frame = vec![0_u8; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x64]);
    frame.repeat(frames)
}

/// A page of one packet.
fn page(serial: u32, number: u32, flags: u8, granule: u64, packet: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend_from_slice(&granule.to_le_bytes());
    page.extend_from_slice(&serial.to_le_bytes());
    page.extend_from_slice(&number.to_le_bytes());
    page.extend_from_slice(&[0; 4]);
    let lacing: Vec<u8> =
        std::iter::repeat_n(255, packet.len() / 255).chain([(packet.len() % 255) as u8]).collect();
    page.push(lacing.len() as u8);
    page.extend_from_slice(&lacing);
    page.extend_from_slice(packet);
    let sum = page.iter().fold(0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04c1_1db7 }
        })
    });
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

/// Silence of 20 ms a packet.
fn opus(packets: u32) -> Vec<u8> {
    let mut tags = b"OpusTags\x04\0\0\0Chro\x01\0\0\0".to_vec();
    let comment = [b"LOCATION=", SECRET].concat();
    tags.extend_from_slice(&(comment.len() as u32).to_le_bytes());
    tags.extend_from_slice(&comment);
    let mut file = page(7, 0, 2, 0, b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0");
    file.extend(page(7, 1, 0, 0, &tags));
    for at in 1..=packets {
        let flags = if at == packets { 4 } else { 0 };
        file.extend(page(7, 1 + at, flags, u64::from(at) * 960, &[0xf8, 0xff, 0xfe]));
    }
    file
}

fn holds(file: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(file, what).is_some()
}

fn with_id3(sound: &[u8]) -> Vec<u8> {
    let mut file = b"ID3\x04\0\0\0\0\0".to_vec();
    file.push(10 + SECRET.len() as u8);
    file.extend_from_slice(b"TXXX\0\0\0\x17\0\0");
    file.extend_from_slice(SECRET);
    file.extend_from_slice(sound);
    file.extend_from_slice(b"TAG");
    file.extend_from_slice(SECRET);
    file.resize(file.len() + 125 - SECRET.len(), 0);
    file
}

#[test]
fn the_length_is_the_files_own() {
    assert_eq!(duration_ms(&wav(12_000)), Some(1_500));
    for file in [mp3(100), with_id3(&mp3(100))] {
        let spoken = duration_ms(&file).unwrap();
        assert!((2_585..=2_625).contains(&spoken), "{spoken}");
    }
    assert_eq!(duration_ms(&opus(100)), Some(2_000));
}

#[test]
fn what_is_no_sound_has_no_length() {
    let mut cut = wav(12_000);
    cut.truncate(20);
    for bytes in [b"".as_slice(), b"<html>", b"{\"error\":\"no\"}", &cut, &[0xff; 4_000]] {
        assert_eq!(duration_ms(bytes), None, "{:?}", &bytes[..bytes.len().min(9)]);
        assert!(look(bytes).is_err());
    }
}

#[test]
fn its_peaks_follow_the_sound() {
    let sound = look(&wav(80_000)).unwrap();
    assert_eq!((sound.file_type, sound.duration_ms), (FileType::Wav, 10_000));
    let peaks = sound.peaks.unwrap();
    assert!((40..=PEAKS_MAX).contains(&peaks.len()), "{}", peaks.len());
    let (silent, loud) = peaks.split_at(peaks.len() / 2 - 1);
    assert!(silent.iter().all(|peak| *peak < 3) && loud[3..].iter().all(|peak| *peak > 250), "{peaks:?}");
}

#[test]
fn a_recording_in_opus_has_length_and_peaks() {
    let sound = look(&opus(150)).unwrap();
    assert_eq!((sound.file_type, sound.duration_ms), (FileType::Ogg, 3_000));
    assert!(sound.peaks.unwrap().iter().all(|peak| *peak < 3));
}

#[test]
fn nothing_of_what_a_sound_told_is_left() {
    let mut told_wav = wav(8_000);
    told_wav.extend_from_slice(b"LIST");
    told_wav.extend_from_slice(&(SECRET.len() as u32).to_le_bytes());
    told_wav.extend_from_slice(SECRET);
    for file in [with_id3(&mp3(50)), opus(50), told_wav] {
        assert!(holds(&file, SECRET));
        let before = look(&file).unwrap();
        let cleaned = clean(file, before.file_type).unwrap();
        assert!(!holds(&cleaned, SECRET), "{:?}", before.file_type);
        assert_eq!(look(&cleaned).unwrap(), before, "its sound is the same");
        assert_eq!(
            clean(cleaned.clone(), before.file_type).unwrap(),
            cleaned,
            "and nothing is left to be taken"
        );
    }
    assert!(holds(&clean(opus(3), FileType::Ogg).unwrap(), b"OpusTags"));
}

#[test]
fn a_stream_of_ogg_that_is_not_known_is_refused_with_all_that_it_tells() {
    let mut head = b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22".to_vec();
    // Blocks of 4,096 samples; 44.1 kHz, two channels, 16 bits.
    head.extend_from_slice(&[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x42, 0xf0, 0, 0, 0, 0]);
    head.resize(51, 0);
    let comment = [b"\x84\0\0\x1f\0\0\0\0\x01\0\0\0".as_slice(), &[23, 0, 0, 0], SECRET].concat();
    let flac = [page(8, 0, 2, 0, &head), page(8, 1, 0, 0, &comment)].concat();
    assert_eq!(clean(flac.clone(), FileType::Ogg), Err(Fault::Broken(OTHER)));
    // Beside one that is known, too.
    assert_eq!(clean([flac, opus(3)].concat(), FileType::Ogg), Err(Fault::Broken(OTHER)));
    let unknown = page(9, 0, 2, 0, b"Speex   1.2");
    assert_eq!(clean(unknown, FileType::Ogg), Err(Fault::Broken(OTHER)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_file_is_a_fault_and_never_an_accident(
        which in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = [wav(4_000), with_id3(&mp3(20)), opus(20)][which].clone();
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        if let Ok(sound) = look(&file) {
            prop_assert!(sound.duration_ms > 0 && sound.peaks.is_none_or(|peaks| peaks.len() <= PEAKS_MAX));
        }
        for file_type in [FileType::Wav, FileType::Mp3, FileType::Ogg, FileType::Flac] {
            let _ = clean(file.clone(), file_type);
        }
    }
}
