//! What a mirror's table may say, and what each mistake is answered.

mod rig;

use std::sync::Arc;

use bio::{Bio, BlockDevice, Extent, Limits, Sector, Sectors, WriteCache};
use dm_mirror::table::Table;
use rig::Later;
use sim::SimDisk;

/// vbd0 and vbd1 equal, vbd2 larger, vbd3 with large blocks, vbd4 read-only,
/// vbd5 tiny.
fn disks() -> Vec<Arc<dyn BlockDevice>> {
    let ordinary = Limits::default();
    [
        (64, ordinary),
        (64, ordinary),
        (128, ordinary),
        (64, Limits { block_size: 4096, ..ordinary }),
        (64, Limits { read_only: true, ..ordinary }),
        (1, ordinary),
    ]
    .into_iter()
    .map(|(size, limits)| SimDisk::new(Sectors(size), limits) as Arc<dyn BlockDevice>)
    .collect()
}

fn create(args: &str) -> Result<Arc<dyn dm::Target>, dm::ArgError> {
    rig::create(args, &disks(), 64, Arc::<Later>::default(), Arc::default())
}

#[test]
fn a_table_is_printed_as_it_can_be_read_again() {
    for args in [
        "core 2 1024 nosync 2 vbd0 0 vbd1 0",
        "core 2 8 sync 1 vbd2 64",
        "core 2 64 sync 3 vbd0 0 vbd1 0 vbd2 8 2 read_policy least_pending",
        "core 2 64 nosync 2 vbd2 0 vbd2 64 2 read_policy prefer=1",
        "core 2 64 nosync 2 vbd0 0 vbd1 0 1 error_threshold=0,1",
    ] {
        let target = create(args).unwrap();
        assert_eq!(target.table(), args);
        assert_eq!(create(&target.table()).unwrap().table(), args);
    }
}

#[test]
fn what_may_be_left_out_has_a_default() {
    let target = create("core 0 2 vbd0 0 vbd1 0 1 handle_errors").unwrap();
    assert_eq!(target.table(), "core 2 1024 sync 2 vbd0 0 vbd1 0");
    assert_eq!(create("core 1 nosync 1 vbd0 0").unwrap().table(), "core 2 1024 nosync 1 vbd0 0");
    assert_eq!(create("core 1 64 1 vbd0 0").unwrap().table(), "core 2 64 sync 1 vbd0 0");
}

#[test]
fn each_mistake_is_named_with_its_column() {
    for (args, column, reason) in [
        ("", 1, "log type is missing"),
        ("disk 2 vbd0 8 2 vbd0 0 vbd1 0", 1, "there is no log type `disk`; use `core`"),
        ("core", 5, "log arguments is missing"),
        ("core x 2 vbd0 0 vbd1 0", 6, "`x` is no number of log arguments"),
        ("core 3 8 nosync", 6, "3 log arguments announced, but 2 follow"),
        ("core 1 24 2 vbd0 0 vbd1 0", 8, "a region of 24 sectors is not possible"),
        ("core 1 4 2 vbd0 0 vbd1 0", 8, "use a power of two from 8 on"),
        ("core 2 8 8 2 vbd0 0 vbd1 0", 10, "`8` is one word too many"),
        ("core 1 99999999999999999999 2 vbd0 0 vbd1 0", 8, "too large"),
        ("core 1 nosync", 14, "number of legs is missing"),
        ("core 1 nosync 0", 15, "a mirror has 1 to 4 legs, not 0"),
        ("core 1 nosync 5 vbd0 0 vbd1 0", 15, "a mirror has 1 to 4 legs, not 5"),
        ("core 1 nosync -1 vbd0 0", 15, "`-1` is no number of legs"),
        ("core 1 nosync 2 vbd0 0", 23, "device name is missing"),
        ("core 1 nosync 2 vbd0 0 vbd1", 28, "device offset is missing"),
        ("core 1 nosync 2 vbd0 0 vbd9 0", 24, "there is no device `vbd9`"),
        ("core 1 nosync 2 vbd0 0 vbd1 one", 29, "`one` is no device offset"),
        ("core 1 nosync 2 vbd0 8 vbd1 0", 22, "end beyond `vbd0`, which has 64"),
        ("core 1 nosync 2 vbd0 0 vbd5 0", 29, "end beyond `vbd5`, which has 1"),
        ("core 1 nosync 2 vbd0 18446744073709551615 vbd1 0", 22, "end beyond"),
        ("core 1 nosync 2 vbd0 0 vbd4 0", 24, "`vbd4` is read-only"),
        ("core 1 nosync 2 vbd0 0 vbd0 0", 24, "`vbd0` holds leg 0 already"),
        ("core 1 nosync 2 vbd2 0 vbd2 63", 24, "`vbd2` holds leg 0 already"),
        ("core 1 nosync 2 vbd0 0 vbd1 0 extra", 31, "`extra` is no number of features"),
        ("core 1 nosync 2 vbd0 0 vbd1 0 1 faster", 33, "there is no feature `faster`"),
        (
            "core 1 nosync 2 vbd0 0 vbd1 0 1 error_threshold=5",
            33,
            "`error_threshold=5` is no threshold",
        ),
        (
            "core 1 nosync 2 vbd0 0 vbd1 0 1 error_threshold=5,0",
            33,
            "`error_threshold=5,0` is no threshold",
        ),
        (
            "core 1 nosync 2 vbd0 0 vbd1 0 1 error_threshold=x,1",
            33,
            "`error_threshold=x,1` is no threshold",
        ),
        (
            "core 1 nosync 2 vbd0 0 vbd1 0 1 error_threshold=-1,9",
            33,
            "`error_threshold=-1,9` is no threshold",
        ),
        ("core 1 nosync 2 vbd0 0 vbd1 0 1 read_policy", 44, "read policy is missing"),
        ("core 1 nosync 2 vbd0 0 vbd1 0 2 read_policy best", 45, "there is no read policy `best`"),
        ("core 1 nosync 2 vbd0 0 vbd1 0 2 read_policy prefer=2", 45, "there is no leg 2"),
        ("core 1 nosync 2 vbd0 0 vbd1 0 2 read_policy prefer=", 45, "there is no read policy"),
        ("core 1 nosync 1 vbd0 0 1 handle_errors more", 40, "`more` is one word too many"),
    ] {
        let Err(error) = create(args) else { panic!("accepted: {args}") };
        assert_eq!(error.column, column, "{args}: {error}");
        assert!(error.reason.contains(reason), "{args}: {error}");
    }
}

#[test]
fn a_mistake_in_the_words_is_named_before_any_of_a_device() {
    for (args, column, reason) in [
        ("core 1 nosync 2 vbd9 0 vbd1 one", 29, "`one` is no device offset"),
        ("core 1 8 1 vbd4 0 1 faster", 21, "there is no feature `faster`"),
        ("internal 0 2 - 0 - 0 1 write_mostly=2", 24, "wants a leg, one of 0 to 1"),
    ] {
        let Err(error) = create(args) else { panic!("accepted: {args}") };
        assert_eq!(error.column, column, "{args}: {error}");
        assert!(error.reason.contains(reason), "{args}: {error}");
        assert_eq!(args.parse::<Table>(), Err(error));
    }
    // The words are right, and the devices are not there.
    for (args, column) in [("core 0 2 vbd0 0 - 0", 17), ("internal 0 2 - 0 - 0", 12)] {
        assert!(args.parse::<Table>().is_ok(), "{args}");
        assert_eq!(create(args).err().map(|error| error.column), Some(column), "{args}");
    }
}

#[test]
fn a_leg_that_is_exchanged_begins_where_its_disk_does_and_nothing_else_changes() {
    const FEATURES: &str = "4 read_policy prefer=1 start_degraded=run sync_rate=none,5";
    let table: Table = format!("internal 0 2 vbd0 8 vbd1 16 {FEATURES}").parse().unwrap();
    for (after, legs) in [
        (table.with_leg(0, "vbd2"), "2 vbd2 0 vbd1 16"),
        (table.with_leg(2, "vbd2"), "3 vbd0 8 vbd1 16 vbd2 0"),
        (table.without_leg(1), "2 vbd0 8 - 0"),
    ] {
        assert_eq!(after.to_string(), format!("internal 0 {legs} {FEATURES}"));
    }
    let [first, second] = table.legs() else { panic!("{table}") };
    assert_eq!(
        [(first.name(), first.offset.0), (second.name(), second.offset.0)],
        [("vbd0", 8), ("vbd1", 16)]
    );
    assert_eq!([0, 1, 2].map(|leg| table.device(leg)), [Some("vbd0"), Some("vbd1"), None]);
}

#[test]
fn a_mirror_uses_all_of_a_member_and_of_other_legs_the_place_of_its_data() {
    for (args, whole) in
        [("core 0 2 vbd0 0 vbd2 16", false), ("internal 0 3 vbd0 0 - 0 vbd2 16", true)]
    {
        let parts = create(args).unwrap().parts(Sectors(64)).into_iter();
        let parts: Vec<_> = parts.map(|it| (it.device.name().to_string(), it.extent)).collect();
        let extent = |start, count| match whole {
            true => Extent::new(Sector(0), Sectors(u64::MAX)),
            false => Extent::new(Sector(start), Sectors(count)),
        };
        assert_eq!(parts, [("vbd0".into(), extent(0, 64)), ("vbd2".into(), extent(16, 64))]);
    }
}

#[test]
fn a_table_that_was_not_read_is_printed_like_any_other() {
    for (table, words) in [
        (Table::internal([Some("vbd0"), None]), "internal 0 2 vbd0 0 - 0"),
        (Table::core(["vbd0", "vbd1"], true), "core 2 1024 nosync 2 vbd0 0 vbd1 0"),
        (Table::core(["vbd0"], false), "core 2 1024 sync 1 vbd0 0"),
    ] {
        assert_eq!(table.line(Sectors(64)).to_string(), format!("0 64 mirror {words}"));
        assert_eq!(words.parse(), Ok(table));
    }
}

#[test]
fn features_have_largest_numbers() {
    for (feature, fits) in [
        ("error_threshold=4294967295,4294967295", true),
        ("error_threshold=4294967296,1", false),
        ("error_threshold=1,4294967296", false),
        ("error_threshold=0,1", true),
        ("error_threshold=0,0", false),
        ("sync_rate=1,18446744073709551615", true),
        ("sync_rate=1,18446744073709551616", false),
        ("sync_rate=0,1", false),
        ("write_mostly=1", true),
        ("write_mostly=2", false),
    ] {
        let created = create(&format!("core 1 nosync 2 vbd0 0 vbd1 0 1 {feature}"));
        let column = created.as_ref().err().map(|error| error.column);
        assert_eq!(column, (!fits).then_some(33), "{feature}");
        if let Ok(target) = created {
            assert!(target.table().ends_with(feature), "{}", target.table());
        }
    }
    assert!(create("core 1 nosync 4 vbd0 0 vbd1 0 vbd2 0 vbd2 64").is_ok(), "four legs");
}

/// A disk of any size that holds nothing.
struct Vast(u64);

impl BlockDevice for Vast {
    fn capacity(&self) -> Sectors {
        Sectors(self.0)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, bio: Bio) {
        bio.biodone(Ok(()));
    }
}

/// A mirror of one leg and so many sectors that keeps its state in memory.
fn core(words: &str, length: u64) -> Result<Arc<dyn dm::Target>, dm::ArgError> {
    let args = format!("core {words} 1 vbd0 0");
    rig::create(&args, &[Arc::new(Vast(length))], length, Arc::<Later>::default(), Arc::default())
}

#[test]
fn regions_have_a_largest_number() {
    const MAX: u64 = dm_mirror::REGIONS_MAX;
    for (words, region, column) in [("1 8", 8, 8), ("0", 1024, 6), ("1 nosync", 1024, 6)] {
        for fits in [MAX * region, MAX * region - region + 1] {
            let status = core(words, fits).unwrap().status();
            assert!(status.contains(&format!("/{MAX} ")), "{status}");
        }
        for beyond in [MAX * region + 1, 1 << 54] {
            let Err(error) = core(words, beyond) else { panic!("{words}: {beyond} is accepted") };
            assert_eq!(error.column, column, "{error}");
            let least = beyond.div_ceil(MAX).next_power_of_two();
            let advice = format!("a mirror has at most {MAX}; use regions of {least} or more");
            assert!(error.reason.ends_with(&advice), "{error}");
            core(&format!("1 {least}"), beyond).unwrap();
        }
    }
    // More than 32 bits count, on the way to the refusal too.
    assert_eq!(core("1 8", 1 << 36).err().unwrap().column, 8);
    core(&format!("1 {}", 1_u64 << 63), 1 << 54).unwrap();
}

#[test]
fn where_memory_is_short_the_region_size_is_refused() {
    let regions = 1 << 16;
    let create = |args: &str, room: usize| {
        let later = Arc::<Later>::default();
        *later.room.lock().unwrap() = Some(room);
        rig::create(args, &[Arc::new(Vast(8 * regions))], 8 * regions, later, Arc::default())
    };
    // The regions, and the mirror's own tables.
    let (needs, own) = (regions as usize * 9 / 8, 256 << 10);
    for (args, column, short, fits) in
        [("core 1 8 1 vbd0 0", 8, needs, needs + own), ("internal 0 1 vbd0 0", 1, 1 << 10, own)]
    {
        let error = create(args, short).err().expect("it is refused");
        assert_eq!((error.column, error.reason.as_str()), (column, dm::NO_ROOM));
        create(args, fits).unwrap();
    }
}

#[test]
fn a_mixture_of_block_sizes_has_the_larger_one() {
    let target = create("core 1 nosync 2 vbd0 0 vbd3 0").unwrap();
    assert_eq!(target.limits().block_size, 4096);
    assert_eq!(target.limits().write_cache, WriteCache::Volatile);
}

#[test]
fn messages_that_mean_nothing_change_nothing() {
    let target = create("core 1 nosync 2 vbd0 0 vbd1 0").unwrap();
    for words in [&["fail"][..], &["fail", "2"], &["fail", "x"], &["fail", "0", "1"], &[], &["go"]]
    {
        assert!(target.message(words).is_err(), "{words:?}");
    }
    assert_eq!(target.status(), "2 vbd0 vbd1 1/1 1 AA 1 core");
    target.message(&["fail", "1"]).unwrap();
    assert!(target.message(&["show"]).unwrap().contains("failed by hand"));
}

/// docs/limits.md says what the code does.
#[test]
fn the_listed_limits_are_those_of_the_code() {
    use dm::bounds::*;
    let list = include_str!("../../docs/limits.md");
    for (name, value) in [
        ("`TABLE_BYTES_MAX`", TABLE_BYTES_MAX as u64),
        ("`ENTRIES_MAX`", ENTRIES_MAX as u64),
        ("`CAPACITY_MAX`", CAPACITY_MAX.0),
        ("`STRIPES_MAX`", STRIPES_MAX),
        ("`DEVICES_MAX`", DEVICES_MAX as u64),
        ("`DEPTH_MAX`", DEPTH_MAX as u64),
        ("`FLUSHES_MAX`", FLUSHES_MAX as u64),
        ("`NAME_MAX`", dm::NAME_MAX as u64),
        ("`NAME_MAX`", dm_mirror::format::NAME_MAX as u64),
        ("`LEGS_MAX`", dm_mirror::LEGS_MAX as u64),
        ("`REGION_MIN`", dm_mirror::format::REGION_MIN.0),
        ("`REGIONS_MAX`", dm_mirror::REGIONS_MAX),
        ("`PAGES_MAX`", dm_mirror::format::PAGES_MAX.into()),
        ("`UNIT`", dm_mirror::format::UNIT as u64),
    ] {
        let rows = [format!("| {name} | {value} "), format!("| {name} | {value}|")];
        assert!(rows.iter().any(|row| list.contains(row)), "{name} is {value}");
    }
    for (name, value) in [("`DEVICE_ROOM`", DEVICE_ROOM), ("`TABLE_ROOM`", TABLE_ROOM)] {
        assert!(list.contains(&format!("{name}, {value} bytes")), "{name} is {value}");
    }
}
