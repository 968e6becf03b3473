//! Films built box by box: what they are, and what is left of what they told.

use proptest::prelude::*;

use super::*;

const SECRET: &[u8] = b"+51.4779-0.0015/ by Ada";
const PLACES: &[u8] = b"GPS5 51.4779";
const PICTURE: &[u8] = b"the picture's bits";

fn put(kind: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

const MADE: u32 = 0xe2a1_b3c4;

fn track(id: u32, handler: &[u8; 4], turned: bool, chunk: (u32, usize)) -> Vec<u8> {
    let sizes = words(&[0, 0, 1, chunk.1 as u32]);
    track_of(id, handler, turned, &[&put(b"stsz", &[&sizes]), &chunks(1, &[chunk.0])])
}

/// So many samples in each chunk, and where these are.
fn chunks(samples: u32, offsets: &[u32]) -> Vec<u8> {
    let stco = put(b"stco", &[&words(&[0, offsets.len() as u32]), &words(offsets)]);
    [put(b"stsc", &[&words(&[0, 1, 1, samples, 1])]), stco].concat()
}

fn track_of(id: u32, handler: &[u8; 4], turned: bool, tables: &[&[u8]]) -> Vec<u8> {
    let matrix: [u32; 9] = if turned {
        [0, 0x10000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000]
    } else {
        [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000]
    };
    let tkhd =
        words(&[&[7, MADE, MADE, id, 0, 2_000, 0, 0, 0, 0], &matrix[..], &[640 << 16, 360 << 16]].concat());
    let stbl = put(b"stbl", &[&put(b"stsd", &[&words(&[0, 0])]), &tables.concat()]);
    let hdlr = put(b"hdlr", &[&words(&[0, 0]), handler, &[0; 12], SECRET, &[0]]);
    let mdhd = put(b"mdhd", &[&words(&[0, MADE, MADE, 1_000, 2_000, 0])]);
    let mdia = put(b"mdia", &[&mdhd, &hdlr, &put(b"minf", &[&stbl])]);
    put(b"trak", &[&put(b"tkhd", &[&tkhd]), &mdia, &put(b"udta", &[SECRET]), &put(b"meta", &[SECRET])])
}

fn mp4(turned: bool) -> Vec<u8> {
    let ftyp = put(b"ftyp", &[b"mp42\0\0\0\0isom"]);
    let mdat = put(b"mdat", &[PICTURE, PLACES]);
    let at = ftyp.len() as u32 + 8;
    let mvhd = put(b"mvhd", &[&words(&[0, MADE, MADE, 1_000, 2_500]), &[0; 80]]);
    let place = put(b"udta", &[&put(b"\xa9xyz", &[b"\0\x17\x15\xc7", SECRET])]);
    let moov = put(
        b"moov",
        &[
            &mvhd,
            &track(1, b"vide", turned, (at, PICTURE.len())),
            &track(2, b"meta", false, (at + PICTURE.len() as u32, PLACES.len())),
            &place,
            &put(b"meta", &[SECRET]),
        ],
    );
    [ftyp, mdat, moov, put(b"uuid", &[SECRET]), put(b"free", &[SECRET]), put(b"meta", &[SECRET])].concat()
}

/// As browsers record: no length, fragments of half a second.
fn fragments(count: u32) -> Vec<u8> {
    let mut file = put(b"ftyp", &[b"iso5\0\0\0\0isom"]);
    let mvhd = put(b"mvhd", &[&words(&[0, 0, 0, 1_000, 0]), &[0; 80]]);
    let mut track = track(1, b"vide", false, (0, 0));
    let mdhd = memchr::memmem::find(&track, b"mdhd").unwrap();
    track[mdhd + 20..mdhd + 24].fill(0);
    file.extend(put(b"moov", &[&mvhd, &track, &put(b"mvex", &[])]));
    for at in 0..count {
        let tfhd = put(b"tfhd", &[&words(&[0x2_0000, 1])]);
        let tfdt = put(b"tfdt", &[&words(&[0, at * 500])]);
        let trun = put(b"trun", &[&words(&[0x301, 2, 0, 250, 9, 250, 9])]);
        file.extend(put(
            b"moof",
            &[&put(b"mfhd", &[&words(&[0, at])]), &put(b"traf", &[&tfhd, &tfdt, &trun])],
        ));
        file.extend(put(b"mdat", &[&[1; 18]]));
    }
    file
}

fn element(id: &[u8], body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [id, &(1_u64 << 56 | body.len() as u64).to_be_bytes(), &body].concat()
}

enum Lengths {
    Said,
    Unknown,
}

fn webm(lengths: &Lengths) -> Vec<u8> {
    let duration = element(&[0x44, 0x89], &[&2_500_f64.to_be_bytes()]);
    let info = element(
        &[0x15, 0x49, 0xa9, 0x66],
        &[
            &element(&[0xbf], &[&[1; 4]]),
            &element(&[0x2a, 0xd7, 0xb1], &[&1_000_000_u32.to_be_bytes()]),
            if matches!(lengths, Lengths::Said) { &duration } else { &[] },
            &element(&[0x7b, 0xa9], &[SECRET]),
            &element(&[0x44, 0x61], &[&[9; 8]]),
            &element(&[0x4d, 0x80], &[SECRET]),
            &element(&[0x57, 0x41], &[SECRET]),
        ],
    );
    let video = element(
        &[0xe0],
        &[&element(&[0xb0], &[&640_u16.to_be_bytes()]), &element(&[0xba], &[&360_u16.to_be_bytes()])],
    );
    let entry = element(&[0xae], &[&element(&[0x83], &[&[1]]), &element(&[0x53, 0x6e], &[SECRET]), &video]);
    let tracks = element(&[0x16, 0x54, 0xae, 0x6b], &[&entry]);
    let inner =
        [element(&[0xe7], &[&2_000_u16.to_be_bytes()]), element(&[0xa3], &[&[0x81, 1, 0xf4, 0x80], PICTURE])]
            .concat();
    let unknown =
        |id: &[u8], body: &[u8]| [id, &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], body].concat();
    let cluster = match lengths {
        Lengths::Said => element(&[0x1f, 0x43, 0xb6, 0x75], &[&inner]),
        Lengths::Unknown => unknown(&[0x1f, 0x43, 0xb6, 0x75], &inner),
    };
    let simple = element(&[0x73, 0x73], &[&element(&[0x67, 0xc8], &[SECRET])]);
    let tags = element(&[0x12, 0x54, 0xc3, 0x67], &[&simple]);
    let segment = [info, tracks, cluster, tags, element(&[0x19, 0x41, 0xa4, 0x69], &[SECRET])].concat();
    let mut file = element(&[0x1a, 0x45, 0xdf, 0xa3], &[&element(&[0x42, 0x82], &[b"webm"])]);
    match lengths {
        Lengths::Said => {
            file.extend(element(&[0x18, 0x53, 0x80, 0x67], &[&segment]));
            // Behind its end.
            file.extend_from_slice(b"PK\x03\x04");
            file.extend_from_slice(SECRET);
        }
        Lengths::Unknown => file.extend(unknown(&[0x18, 0x53, 0x80, 0x67], &segment)),
    }
    file
}

fn holds(file: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(file, what).is_some()
}

#[test]
fn a_film_tells_its_length_and_its_sides() {
    let film = |file_type, duration_ms, (width, height)| Film { file_type, duration_ms, width, height };
    assert_eq!(look(&mp4(false)).unwrap(), film(FileType::Mp4, 2_500, (640, 360)));
    assert_eq!(look(&mp4(true)).unwrap(), film(FileType::Mp4, 2_500, (360, 640)));
    assert_eq!(look(&fragments(5)).unwrap(), film(FileType::Mp4, 2_500, (640, 360)));
    for lengths in [Lengths::Said, Lengths::Unknown] {
        assert_eq!(look(&webm(&lengths)).unwrap(), film(FileType::Webm, 2_500, (640, 360)));
    }
}

#[test]
fn nothing_of_what_a_film_told_is_left_and_nothing_has_moved() {
    for file in [mp4(true), webm(&Lengths::Said), webm(&Lengths::Unknown)] {
        assert!(holds(&file, SECRET));
        let before = look(&file).unwrap();
        let picture_at = memchr::memmem::find(&file, PICTURE);
        let cleaned = clean(file.clone()).unwrap();
        for secret in [SECRET, PLACES, &MADE.to_be_bytes(), b"PK\x03\x04", &[9; 8]] {
            assert!(!holds(&cleaned, secret), "{secret:?}");
        }
        assert_eq!(memchr::memmem::find(&cleaned, PICTURE), picture_at);
        assert_eq!(look(&cleaned).unwrap(), before);
        assert_eq!(clean(cleaned.clone()).unwrap(), cleaned);
    }
}

#[test]
fn what_is_no_film_or_cut_off_is_refused() {
    for (other, fault) in [
        (b"".as_slice(), Fault::Empty),
        (b"<html>", Fault::Unknown(TAKEN)),
        (b"RIFF\0\0\0\0AVI ", Fault::Unknown(TAKEN)),
        (&put(b"ftyp", &[b"mp42\0\0\0\0"]), Fault::Truncated),
    ] {
        assert_eq!(look(other), Err(fault));
    }
    for file in [mp4(false), fragments(3), webm(&Lengths::Said)] {
        let cut = &file[..file.len() - 40 - SECRET.len()];
        assert!(matches!(clean(cut.to_vec()), Err(Fault::Truncated)), "{}", cut.len());
    }
    // An archive behind the film is no box.
    let polyglot = [mp4(false).as_slice(), b"PK\x03\x04\x14\0\0\0\x08\0", SECRET].concat();
    assert!(clean(polyglot).is_err());
}

/// A film with these tracks beside that of its picture.
fn with_tracks(tracks: &[Vec<u8>]) -> Vec<u8> {
    let ftyp = put(b"ftyp", &[b"mp42\0\0\0\0isom"]);
    let mvhd = put(b"mvhd", &[&words(&[0, MADE, MADE, 1_000, 2_500]), &[0; 80]]);
    let picture = track(1, b"vide", false, (0, 0));
    [ftyp, put(b"moov", &[&mvhd, &picture, &tracks.concat()]), put(b"mdat", &[&[1; 10_000]])].concat()
}

#[test]
fn samples_that_take_more_than_the_file_are_refused() {
    // As many times the whole file as its table has lines.
    let all = put(b"stsz", &[&words(&[0, u32::MAX, 0])]);
    let data = |offsets: &[u32]| track_of(2, b"meta", false, &[&all, &chunks(u32::MAX, offsets)]);
    let overlap = Err(Fault::Broken("its samples overlap"));
    assert_eq!(clean(with_tracks(&[data(&[0, 0])])), overlap);
    assert_eq!(clean(with_tracks(&[data(&[0; 1_000])])), overlap);
    // Each track fits, all of them do not: most of the file, behind its head.
    assert!(clean(with_tracks(&[data(&[3_000])])).is_ok());
    assert_eq!(clean(with_tracks(&[data(&[3_000]), data(&[3_000])])), overlap);
    // Chunks without samples take nothing.
    let none = put(b"stsz", &[&words(&[0, 0, 0])]);
    let empty = track_of(2, b"meta", false, &[&none, &chunks(1, &[0; 1_000])]);
    assert!(clean(with_tracks(&[empty])).is_ok());
}

#[test]
fn what_is_in_too_many_pieces_is_refused() {
    let pieces = Fault::Broken("it is in too many pieces");
    let one = put(b"stsz", &[&words(&[0, 1, 0])]);
    let scattered = |chunk_count| {
        let offsets: Vec<u32> = (0..chunk_count).collect();
        with_tracks(&[track_of(2, b"meta", false, &[&one, &chunks(1, &offsets)])])
    };
    assert!(clean(scattered(100_000)).is_ok());
    assert_eq!(clean(scattered(100_001)), Err(pieces.clone()));

    let voids = |count| [webm(&Lengths::Unknown), [0xec, 0x80].repeat(count)].concat();
    // Beside those that are in it.
    assert!(clean(voids(99_000)).is_ok());
    assert_eq!(clean(voids(100_001)), Err(pieces));

    let tracks =
        |count: u32| -> Vec<Vec<u8>> { (2..=count).map(|id| track(id, b"soun", false, (0, 0))).collect() };
    let most = with_tracks(&tracks(100));
    assert!(look(&most).is_ok() && clean(most).is_ok());
    let more = with_tracks(&tracks(101));
    let many = Fault::Broken("it has too many tracks");
    assert_eq!((look(&more), clean(more)), (Err(many.clone()), Err(many)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_broken_file_is_a_fault_and_never_an_accident(
        which in 0_usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = [mp4(true), fragments(3), webm(&Lengths::Said), webm(&Lengths::Unknown)][which].clone();
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let panicked = Fault::Broken("its decoder gave up");
        prop_assert_ne!(look(&file).err(), Some(panicked.clone()));
        let length = file.len();
        match clean(file) {
            Ok(cleaned) => prop_assert!(cleaned.len() <= length),
            Err(fault) => prop_assert_ne!(fault, panicked),
        }
    }
}
