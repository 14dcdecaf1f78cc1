//! A request's life: down through frames, up through completions, exactly once.

use std::sync::{Arc, Mutex};

use bio::{Bio, BioDone, BlockDevice, Buf, BufCmd, BufDone, ErrorKind, Extent, IoResult};
use bio::{Limits, Memory, NBUF_BIO, Piece, Sector, Sectors, split};
use bytes::{Bytes, BytesMut};

/// Keeps what its requests ended with.
#[derive(Default)]
struct Originator(Mutex<Vec<(Buf, IoResult)>>);

impl Originator {
    fn only(&self) -> (Buf, IoResult) {
        let mut ends = self.0.lock().unwrap();
        assert_eq!(ends.len(), 1, "a request ends exactly once");
        ends.pop().unwrap()
    }
}

impl BufDone for Originator {
    fn buf_done(self: Arc<Self>, buf: Buf, _info: u64, result: IoResult) {
        self.0.lock().unwrap().push((buf, result));
    }
}

/// A layer that completes upward what it gets.
struct Layer;

impl BioDone for Layer {
    fn bio_done(self: Arc<Self>, bio: Bio, info: u64, result: IoResult) {
        assert_eq!(bio.extent().start(), Sector(info), "the layer's own extent is back");
        bio.biodone(result);
    }
}

/// A device that keeps its requests until the test ends them.
#[derive(Default)]
struct Queue(Mutex<Vec<Bio>>);

impl BlockDevice for Queue {
    fn capacity(&self) -> Sectors {
        Sectors(1024)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, bio: Bio) {
        self.0.lock().unwrap().push(bio);
    }
}

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

fn memory(sectors: u64) -> BytesMut {
    BytesMut::zeroed(Sectors(sectors).bytes())
}

#[test]
fn each_layer_gets_its_own_extent_back() {
    let originator = Arc::new(Originator::default());
    let mut bio = Bio::new(Buf::read(extent(0, 4), memory(4)), originator.clone(), 0);
    for depth in 0..NBUF_BIO as u64 {
        bio = bio.push_bio(Sector((depth + 1) * 100), Arc::new(Layer), depth * 100);
    }
    assert_eq!(bio.extent(), extent(NBUF_BIO as u64 * 100, 4));
    bio.biodone(Ok(()));
    let (buf, result) = originator.only();
    assert_eq!((buf.extent(), result), (extent(0, 4), Ok(())));
}

#[test]
#[should_panic(expected = "layers are stacked")]
fn a_stack_too_deep_is_a_bug() {
    let mut bio = Bio::new(Buf::flush(), Arc::new(Originator::default()), 0);
    for _ in 0..=NBUF_BIO {
        bio = bio.push_bio(Sector(0), Arc::new(Layer), 0);
    }
}

#[test]
fn a_dropped_request_still_reaches_its_originator() {
    let originator = Arc::new(Originator::default());
    let bio = Bio::new(Buf::read(extent(8, 2), memory(2)), originator.clone(), 0);
    drop(bio.push_bio(Sector(0), Arc::new(Layer), 8));
    let (_, result) = originator.only();
    let error = result.unwrap_err();
    assert_eq!((error.kind, error.resid), (ErrorKind::Aborted, 1024));
}

#[test]
fn a_read_can_end_without_the_memory_a_device_keeps() {
    let originator = Arc::new(Originator::default());
    let mut bio = Bio::new(Buf::read(extent(0, 1), memory(1)), originator.clone(), 0);
    let lent = bio.lend();
    assert!(matches!(lent, Memory::Unique(_)));
    assert!(bio.lost_memory() && bio.read_memory().is_none());
    bio.fail(ErrorKind::Timeout);
    let (buf, _) = originator.only();
    assert_eq!(buf.into_read(), None);
}

#[test]
fn a_read_retries_into_fresh_memory() {
    let originator = Arc::new(Originator::default());
    let mut bio = Bio::new(Buf::read(extent(0, 1), memory(1)), originator.clone(), 0);
    let _kept_by_a_hung_device = bio.lend();
    bio.refill(memory(1));
    bio.read_memory().unwrap().fill(7);
    bio.biodone(Ok(()));
    let (buf, _) = originator.only();
    assert!(buf.into_read().unwrap().iter().all(|&byte| byte == 7));
}

#[test]
fn a_read_without_its_memory_is_no_success() {
    let originator = Arc::new(Originator::default());
    let mut bio = Bio::new(Buf::read(extent(0, 1), memory(1)), originator.clone(), 0);
    let _kept = bio.lend();
    bio.biodone(Ok(()));
    assert_eq!(originator.only().1.unwrap_err().kind, ErrorKind::Aborted);
}

#[test]
fn a_write_stays_readable_while_a_device_has_its_bytes() {
    let data = Bytes::from(vec![3; 512]);
    let originator = Arc::new(Originator::default());
    let mut bio = Bio::new(Buf::write(extent(0, 1), data.clone()), originator.clone(), 0);
    let lent = bio.lend();
    assert_eq!(bio.write_data(), Some(&data));
    bio.give_back(lent);
    bio.biodone(Ok(()));
    assert_eq!(originator.only().1, Ok(()));
}

#[test]
#[should_panic(expected = "not the memory that was lent")]
fn a_driver_cannot_give_back_other_memory() {
    let mut bio = Bio::new(Buf::read(extent(0, 2), memory(2)), Arc::new(Originator::default()), 0);
    bio.lend();
    bio.give_back(Memory::Unique(memory(1)));
}

#[test]
fn a_split_read_is_joined_whatever_order_its_pieces_end_in() {
    let (left, right) = (Queue::default(), Queue::default());
    let originator = Arc::new(Originator::default());
    let bio = Bio::new(Buf::read(extent(6, 4), memory(4)), originator.clone(), 0);
    split(
        bio,
        &[
            Piece { count: Sectors(1), device: &left, start: Sector(6) },
            Piece { count: Sectors(3), device: &right, start: Sector(0) },
        ],
    );
    for (queue, value) in [(&right, 2u8), (&left, 1u8)] {
        let mut piece = queue.0.lock().unwrap().pop().unwrap();
        piece.read_memory().unwrap().fill(value);
        piece.biodone(Ok(()));
    }
    let (buf, result) = originator.only();
    let joined = buf.into_read().unwrap();
    assert_eq!(result, Ok(()));
    assert_eq!(
        (joined.len(), joined[0], joined[511], joined[512], joined[2047]),
        (2048, 1, 1, 2, 2)
    );
}

#[test]
fn a_split_fails_with_its_first_error_and_all_that_was_left_undone() {
    let (left, right) = (Queue::default(), Queue::default());
    let originator = Arc::new(Originator::default());
    let data = Bytes::from(vec![9; 2048]);
    let bio = Bio::new(Buf::write_fua(extent(0, 4), data), originator.clone(), 0);
    split(
        bio,
        &[
            Piece { count: Sectors(2), device: &left, start: Sector(10) },
            Piece { count: Sectors(2), device: &right, start: Sector(20) },
        ],
    );
    let piece = right.0.lock().unwrap().pop().unwrap();
    assert_eq!((piece.extent(), piece.cmd()), (extent(20, 2), BufCmd::Write { fua: true }));
    piece.fail(ErrorKind::Gone);
    left.0.lock().unwrap().pop().unwrap().fail(ErrorKind::Media);
    let error = originator.only().1.unwrap_err();
    assert_eq!((error.kind, error.resid), (ErrorKind::Media, 2048));
}

#[test]
fn a_split_flush_reaches_every_device() {
    let (left, right) = (Queue::default(), Queue::default());
    let originator = Arc::new(Originator::default());
    let pieces =
        [&left, &right].map(|device| Piece { count: Sectors::ZERO, device, start: Sector(0) });
    split(Bio::new(Buf::flush(), originator.clone(), 0), &pieces);
    for queue in [&left, &right] {
        queue.0.lock().unwrap().pop().unwrap().biodone(Ok(()));
    }
    assert_eq!(originator.only().1, Ok(()));
}

#[test]
fn a_request_without_pieces_is_done() {
    let originator = Arc::new(Originator::default());
    split(Bio::new(Buf::flush(), originator.clone(), 0), &[]);
    assert_eq!(originator.only().1, Ok(()));
}

#[test]
#[should_panic(expected = "pieces do not cover the request")]
fn pieces_leave_no_rest() {
    let (queue, originator) = (Queue::default(), Arc::new(Originator::default()));
    let bio = Bio::new(Buf::read(extent(0, 3), memory(3)), originator, 0);
    split(bio, &[Piece { count: Sectors(2), device: &queue, start: Sector(0) }]);
}

#[test]
fn a_split_read_without_one_pieces_memory_is_no_success() {
    let queue = Queue::default();
    let originator = Arc::new(Originator::default());
    let bio = Bio::new(Buf::read(extent(0, 2), memory(2)), originator.clone(), 0);
    let piece = |start| Piece { count: Sectors(1), device: &queue, start: Sector(start) };
    split(bio, &[piece(0), piece(1)]);
    let mut lost = queue.0.lock().unwrap().pop().unwrap();
    let _kept = lost.lend();
    lost.biodone(Err(bio::IoError { kind: ErrorKind::Timeout, resid: 512 }));
    queue.0.lock().unwrap().pop().unwrap().biodone(Ok(()));
    let (buf, result) = originator.only();
    assert_eq!(result.unwrap_err().kind, ErrorKind::Timeout);
    assert_eq!(buf.into_read(), None);
}

#[test]
#[should_panic(expected = "only its originator")]
fn a_layer_cannot_change_what_was_asked() {
    let bio = Bio::new(Buf::flush(), Arc::new(Originator::default()), 0);
    bio.push_bio(Sector(0), Arc::new(Layer), 0).reissue(Buf::flush());
}

/// An originator that writes and then flushes with one bio.
struct WriteThenFlush {
    device: Queue,
    ended: Originator,
}

impl BioDone for WriteThenFlush {
    fn bio_done(self: Arc<Self>, mut bio: Bio, info: u64, result: IoResult) {
        match bio.cmd() {
            BufCmd::Write { .. } => {
                bio.reissue(Buf::flush());
                self.device.strategy(bio.push_bio(Sector(0), self.clone(), info));
            }
            _ => bio.biodone(result),
        }
    }
}

impl BufDone for WriteThenFlush {
    fn buf_done(self: Arc<Self>, buf: Buf, _info: u64, result: IoResult) {
        self.ended.0.lock().unwrap().push((buf, result));
    }
}

#[test]
fn an_originator_takes_several_steps_with_one_bio() {
    let chain = Arc::new(WriteThenFlush { device: Queue::default(), ended: Originator::default() });
    let bio = Bio::new(Buf::write(extent(0, 1), vec![1; 512].into()), chain.clone(), 0);
    chain.device.strategy(bio.push_bio(Sector(4), chain.clone(), 0));
    for expected in [BufCmd::Write { fua: false }, BufCmd::Flush] {
        let bio = chain.device.0.lock().unwrap().pop().unwrap();
        assert_eq!(bio.cmd(), expected);
        bio.biodone(Ok(()));
    }
    assert_eq!(chain.ended.only().1, Ok(()));
}

#[test]
fn a_discard_of_any_size_can_fail() {
    let originator = Arc::new(Originator::default());
    let buf = Buf::freeblks(extent(0, u64::MAX));
    Bio::new(buf, originator.clone(), 0).fail(ErrorKind::Invalid);
    let error = originator.only().1.unwrap_err();
    assert_eq!((error.kind, error.resid), (ErrorKind::Invalid, 0));
}
