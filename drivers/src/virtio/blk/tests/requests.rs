//! What a disk does with requests, and which requests it refuses.

use super::*;

#[test]
fn what_was_written_is_read_at_the_first_and_last_sector() {
    let bench = Bench::new(Model::disk(64));
    for (at, fill) in [(0, 1), (63, 2)] {
        assert_eq!(bench.perform(write(at, 1, fill)).1, Ok(()));
        let (buf, result) = bench.perform(read(at, 1));
        assert_eq!(result, Ok(()));
        assert!(buf.into_read().unwrap().iter().all(|&byte| byte == fill));
    }
    let image = &bench.device().disk;
    assert!(image[..512].iter().all(|&byte| byte == 1), "the first sector");
    assert!(image[512..63 * 512].iter().all(|&byte| byte == 0), "nothing between");
    assert!(image[63 * 512..].iter().all(|&byte| byte == 2), "the last sector");
}

#[test]
fn wrong_requests_end_before_the_device_hears_of_them() {
    let mut model = Model::disk(64);
    model.set(20, &4096u32.to_le_bytes());
    let bench = Bench::new(model);
    assert_eq!(bench.disk.limits().block_size, 4096);
    let wrong = [read(0, 0), read(64, 8), read(56, 16), read(4, 8), read(0, 4), write(1, 8, 0)];
    for buf in wrong {
        let sectors = buf.extent().count().0 as usize;
        assert_eq!(bench.perform(buf).1, error(ErrorKind::Invalid, sectors));
    }
    assert_eq!(bench.perform(Buf::freeblks(extent(60, 8))).1, error(ErrorKind::Invalid, 0));
    assert_eq!(bench.served(), []);
    assert_eq!(bench.perform(read(56, 8)).1, Ok(()));
}

#[test]
fn a_read_only_disk_takes_no_writes() {
    let mut model = Model::disk(64);
    model.features |= Features::RO.bits();
    // Even if the driver was told to use no optional feature.
    let options = Options { features: Features::empty(), ..Options::default() };
    let bench = Bench::with(model, options);
    assert!(bench.disk.limits().read_only);
    assert_eq!(bench.perform(write(0, 1, 1)).1, error(ErrorKind::ReadOnly, 1));
    assert_eq!(bench.perform(Buf::freeblks(extent(0, 1))).1, error(ErrorKind::ReadOnly, 0));
    assert_eq!(bench.perform(read(0, 1)).1, Ok(()));
}

#[test]
fn a_discard_is_zeroes_that_may_be_unmapped_or_nothing() {
    let mut model = Model::disk(256);
    model.set(48, &100u32.to_le_bytes());
    let bench = Bench::new(model.clone());
    bench.device().disk.fill(1);
    assert_eq!(bench.perform(Buf::freeblks(extent(3, 250))).1, Ok(()));
    let image = bench.device().disk.clone();
    let zero = image.chunks(512).map(|sector| sector.iter().all(|&byte| byte == 0));
    assert!(zero.enumerate().all(|(at, zero)| zero == (3..253).contains(&at)));
    assert_eq!(bench.served(), [13, 13, 13], "no more than the device takes at a time");

    let mut cannot_unmap = model.clone();
    cannot_unmap.set(56, &[0]);
    for model in [model.without(Features::WRITE_ZEROES), cannot_unmap] {
        let bench = Bench::new(model);
        assert!(!bench.disk.limits().discard);
        let (_, result) = bench.perform(Buf::freeblks(extent(0, 1)));
        assert_eq!(result, error(ErrorKind::Unsupported, 0));
    }
}

#[test]
fn what_does_not_fit_a_request_goes_as_several() {
    let mut model = Model::disk(256);
    model.set(8, &1024u32.to_le_bytes());
    model.set(12, &3u32.to_le_bytes());
    let bench = Bench::new(model);
    let data: Vec<u8> = (0..100 * 512u32).map(|i| (i % 249) as u8).collect();
    let buf = Buf::write_fua(extent(10, 100), data.clone().into());
    assert_eq!(bench.perform(buf).1, Ok(()));
    let mut expected = vec![1; 17];
    expected.push(4);
    assert_eq!(bench.served(), expected, "6 sectors each, then the flush");
    assert_eq!(bench.device().disk[10 * 512..110 * 512], data);
    let (buf, result) = bench.perform(read(10, 100));
    assert_eq!(result, Ok(()));
    assert_eq!(buf.into_read().unwrap(), data);
    assert_eq!(bench.disk.status().counts.writes, 1);
}

#[test]
fn a_fua_write_is_done_when_it_is_flushed() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    bench.issue(7, Buf::write_fua(extent(0, 1), vec![1; 512].into()));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Queue);
    assert!(bench.endings.try_recv().is_err(), "written, but not durable");
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Queue);
    assert_eq!(bench.endings.try_recv().unwrap().2, Ok(()));
    assert_eq!(bench.served(), [1, 4]);

    bench.issue(8, Buf::write_fua(extent(0, 1), vec![1; 512].into()));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Queue);
    bench.device().answer = Some(1);
    bench.run();
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Media, 1));
}

#[test]
fn a_flush_costs_what_the_cache_needs() {
    let through = {
        let mut model = Model::disk(64);
        model.set(32, &[0]);
        model
    };
    let fua = || Buf::write_fua(extent(0, 1), vec![1; 512].into());
    let cases: [(Model, WriteCache, &[u32]); 4] = [
        (Model::disk(64), WriteCache::Volatile, &[4, 1, 4]),
        (through.clone(), WriteCache::WriteThrough, &[4, 1]),
        // Without the word on its cache, a device with FLUSH needs it.
        (through.without(Features::CONFIG_WCE), WriteCache::Volatile, &[4, 1, 4]),
        (
            Model::disk(64).without(Features::CONFIG_WCE | Features::FLUSH),
            WriteCache::Unknown,
            &[1],
        ),
    ];
    for (model, cache, served) in cases {
        let bench = Bench::new(model);
        assert_eq!(bench.disk.limits().write_cache, cache);
        assert_eq!(bench.perform(Buf::flush()).1, Ok(()));
        assert_eq!(bench.perform(fua()).1, Ok(()));
        assert_eq!(bench.served(), served);
    }
}

#[test]
fn more_requests_than_slots_wait_their_turn() {
    for features in [Features::all(), Features::all() - Features::INDIRECT_DESC] {
        let bench = Bench::with(Model::disk(1024), Options { features, ..Options::default() });
        bench.run();
        (0..1000).for_each(|at| bench.issue(at, write(at, 1, at as u8)));
        let status = bench.disk.status();
        assert_eq!(status.in_flight + status.waiting, 1000);
        assert!(status.waiting >= 872 && status.counts.requests <= 128, "{status:?}");
        bench.run();
        let order: Vec<u64> = bench.endings.try_iter().map(|ending| ending.0).collect();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        let image = &bench.device().disk;
        assert!(image.chunks(512).take(1000).enumerate().all(|(at, s)| s == [at as u8; 512]));
        assert_eq!(bench.disk.status().in_flight, 0);
    }
}

#[test]
fn the_capacity_follows_the_device() {
    let bench = Bench::new(Model::disk(64));
    assert_eq!(bench.perform(read(64, 1)).1, error(ErrorKind::Invalid, 1));
    bench.device().model.set(0, &128u64.to_le_bytes());
    bench.device().disk.resize(128 * 512, 0);
    bench.disk.interrupt(Interrupt::Config);
    assert_eq!(bench.disk.capacity(), Sectors(128));
    assert_eq!(bench.perform(read(127, 1)).1, Ok(()));
    // By the interrupt line the device says what it was.
    bench.device().model.set(0, &8u64.to_le_bytes());
    bench.device().isr = InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT;
    bench.disk.interrupt(Interrupt::Line);
    assert_eq!(bench.disk.capacity(), Sectors(8));
}

#[test]
fn an_interrupt_line_is_the_disks_own_only_when_the_device_says_so() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    let before = bench.disk.status().counts.interrupts;
    bench.device().isr = InterruptStatus::empty();
    bench.disk.interrupt(Interrupt::Line);
    assert_eq!(bench.disk.status().counts.interrupts, before);
    bench.issue(0, read(0, 1));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Line);
    assert_eq!(bench.disk.status().counts.interrupts, before + 1);
    assert_eq!(bench.endings.try_recv().unwrap().2, Ok(()));
}

#[test]
fn the_serial_number_arrives_by_itself() {
    let bench = Bench::new(Model::disk(64));
    assert_eq!(bench.disk.status().serial.as_str(), "");
    bench.run();
    assert_eq!(bench.disk.status().serial.as_str(), "disk-1");
    assert_eq!(bench.disk.status().in_flight, 0);
}

#[test]
fn a_completion_may_issue_the_next_request() {
    /// Reads sector after sector, each from the completion of the one before.
    struct Chain {
        disk: Arc<Disk>,
        last: u64,
        done: mpsc::SyncSender<u64>,
    }
    impl BufDone for Chain {
        fn buf_done(self: Arc<Self>, _: Buf, at: u64, result: IoResult) {
            assert_eq!(result, Ok(()));
            if at == self.last {
                return self.done.send(at).unwrap();
            }
            let disk = self.disk.clone();
            disk.strategy(Bio::new(read(at + 1, 1), self, at + 1));
        }
    }
    let bench = Bench::new(Model::disk(64));
    let (transport, disk) = (bench.transport.clone(), Arc::new(bench.disk));
    let (done, ended) = mpsc::sync_channel(1);
    let chain = Arc::new(Chain { disk: disk.clone(), last: 63, done });
    disk.strategy(Bio::new(read(0, 1), chain, 0));
    while transport.device().serve(1) > 0 {
        disk.interrupt(Interrupt::Queue);
    }
    assert_eq!(ended.try_recv(), Ok(63));
}

#[test]
fn threads_share_a_disk() {
    const EACH: u64 = 500;
    let Bench { disk, transport, originator, endings } = Bench::new(Model::disk(4 * EACH));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (disk, originator) = (&disk, originator.clone());
            scope.spawn(move || {
                for at in thread * EACH..(thread + 1) * EACH {
                    disk.strategy(Bio::new(write(at, 1, at as u8), originator.clone(), at));
                }
            });
        }
        let mut ended = 0;
        while ended < 4 * EACH {
            transport.device().serve(7);
            disk.interrupt(Interrupt::Queue);
            ended +=
                endings.try_iter().inspect(|ending| assert_eq!(ending.2, Ok(()))).count() as u64;
        }
    });
    let image = &transport.device().disk;
    assert!(image.chunks(512).enumerate().all(|(at, sector)| sector == [at as u8; 512]));
}

/// With and without EVENT_IDX, whatever was in flight before.
#[test]
fn a_batch_costs_one_kick_and_no_request_of_it_waits_after_the_unplugging() {
    for features in [Features::all(), Features::all() - Features::EVENT_IDX] {
        let bench = Bench::with(Model::disk(64), Options { features, ..Options::default() });
        let serve = || {
            bench.run();
            bench.device().sleep();
        };
        serve();
        let kicks = || bench.device().kicks;
        let before = kicks();
        bench.disk.plug();
        bench.disk.plug();
        (0..8).for_each(|number| bench.issue(number, read(number, 1)));
        bench.disk.unplug();
        bench.issue(8, read(8, 1));
        assert_eq!(kicks(), before, "somebody else still plugs");
        bench.disk.unplug();
        assert_eq!(kicks(), before + 1);
        serve();
        assert_eq!(bench.endings.try_iter().filter(|ending| ending.2 == Ok(())).count(), 9);
        // Without a plug, `unplug` kicks nothing, and the disk goes on as before.
        bench.disk.unplug();
        assert_eq!(kicks(), before + 1);
        assert_eq!(bench.perform(read(0, 1)).1, Ok(()));
        assert_eq!(kicks(), before + 2);
    }
}
