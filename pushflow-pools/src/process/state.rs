//! [`State`]: the queue of a pool, and who has room: decided under one lock, without doing anything.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::builder::{Output, ProcessPoolBuilder};
use super::lane::{Lane, LaneId, Limits, Waiting};

/// Calls are sent ahead for about this long.
const AHEAD: Duration = Duration::from_micros(200);
/// A reply is near when calls have taken less than this. It is more than one who looks for it spends, as it includes that others
/// slept.
const NEAR: Duration = Duration::from_micros(300);

/// What becomes of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    Closing,
    Ended,
}

pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) queue: VecDeque<Waiting>,
    pub(super) seats: BTreeMap<LaneId, Seat>,
    /// How many workers there should be.
    pub(super) target: usize,
    /// How many the supervisor is starting.
    pub(super) starting: usize,
    pub(super) failed_starts: u32,
    /// Who waits for room.
    pub(super) room: VecDeque<Waker>,
    /// Who waits for the end.
    pub(super) end: Vec<Waker>,
}

/// What the pool thinks of a worker.
pub(super) struct Seat {
    lane: Arc<Lane>,
    stage: Stage,
    /// How many calls it has.
    outstanding: usize,
    /// How many calls it was sent in all.
    sent: u64,
    /// How long a call takes, on average and lately.
    pace: Option<Duration>,
    /// When it had something to do again.
    busy_since: Instant,
}

/// The life of a worker, as far as calls are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has not said that it is ready. It gets one call, which it finds when it is.
    Starting,
    Ready,
    /// It is to be replaced, and serves until the other one is ready.
    Aging,
    /// It gets no more calls.
    Retiring,
}

impl ProcessPoolBuilder {
    pub(super) fn limits(&self) -> Limits {
        Limits { soft: self.soft_time_limit, hard: self.hard_time_limit }
    }

    /// Whether workers get one call at a time, whatever the pace.
    fn one_by_one(&self) -> bool {
        self.soft_time_limit.is_some()
            || self.hard_time_limit.is_some()
            || self.max_pending.is_some()
            || self.output == Output::Capture
    }
}

impl Seat {
    /// A worker that was just started.
    pub(super) fn new(lane: Arc<Lane>) -> Seat {
        let (stage, busy_since) = (Stage::Starting, Instant::now());
        Seat { lane, stage, outstanding: 0, sent: 0, pace: None, busy_since }
    }

    /// How many more calls it takes now.
    fn room(&self, settings: &ProcessPoolBuilder) -> usize {
        let window = match (self.stage, self.pace) {
            (Stage::Retiring, _) => return 0,
            // It would be taken for one that runs: its time would pass, it would be interrupted and not counted as waiting.
            (Stage::Starting, _) if settings.one_by_one() || !self.lane.has_slots() => 0,
            (Stage::Starting, _) | (_, None) => 1,
            _ if settings.one_by_one() || !self.lane.has_slots() => 1,
            (_, Some(pace)) => {
                let fit = AHEAD.as_nanos() / pace.as_nanos().max(1);
                usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, settings.prefetch)
            }
        };
        let left = settings.max_tasks_per_child.map_or(u64::MAX, |most| most.saturating_sub(self.sent));
        window.saturating_sub(self.outstanding).min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    fn is_staying(&self) -> bool {
        matches!(self.stage, Stage::Starting | Stage::Ready)
    }
}

impl State {
    /// Starts with the number of workers that there should be.
    pub(super) fn new(target: usize) -> State {
        State {
            phase: Phase::Open,
            queue: VecDeque::new(),
            seats: BTreeMap::new(),
            target,
            starting: 0,
            failed_starts: 0,
            room: VecDeque::new(),
            end: Vec::new(),
        }
    }

    /// Whether a worker takes calls.
    pub(super) fn has_ready(&self) -> bool {
        self.seats.values().any(|seat| matches!(seat.stage, Stage::Ready | Stage::Aging))
    }

    pub(super) fn lanes(&self) -> Vec<Arc<Lane>> {
        self.seats.values().map(|seat| Arc::clone(&seat.lane)).collect()
    }

    /// How many executions have no outcome yet.
    pub(super) fn unfinished(&self) -> usize {
        self.queue.len() + self.seats.values().map(|seat| seat.outstanding).sum::<usize>()
    }

    /// How many executions wait to be started.
    pub(super) fn pending(&self) -> usize {
        let ahead = |seat: &Seat| match seat.stage {
            Stage::Starting => seat.outstanding,
            Stage::Ready | Stage::Aging | Stage::Retiring => seat.outstanding.saturating_sub(1),
        };
        self.queue.len() + self.seats.values().map(ahead).sum::<usize>()
    }

    /// Whether there will be a reply soon, to somebody who looks for it on a processor that nobody else needs.
    pub(super) fn is_reply_near(&self, processors: usize) -> bool {
        let busy = || self.seats.values().filter(|seat| seat.outstanding > 0);
        busy().count() < processors && busy().any(|seat| seat.pace.is_some_and(|pace| pace < NEAR))
    }

    /// Takes calls off the queue for a worker that has room: `just` that one if it has, else the least busy.
    pub(super) fn assign(
        &mut self,
        settings: &ProcessPoolBuilder,
        workers: usize,
        just: Option<LaneId>,
    ) -> Option<(Arc<Lane>, Vec<Waiting>)> {
        if self.queue.is_empty() {
            return None;
        }
        // The replacement of a worker that ends what it has must wait for that: no more run at once than there may be.
        let all_busy = self.seats.values().filter(|seat| seat.outstanding > 0).count() >= workers;
        let has_room = |seat: &&Seat| (seat.outstanding > 0 || !all_busy) && seat.room(settings) > 0;
        let preferred = just.and_then(|id| self.seats.get(&id)).filter(has_room).map(|seat| seat.lane.id);
        // One at a time to whoever has least, so that all have something to do; many only where that is no loss.
        let id = preferred.or_else(|| {
            let seats = self.seats.values().filter(has_room);
            seats.min_by_key(|seat| (seat.outstanding, seat.stage == Stage::Starting)).map(|seat| seat.lane.id)
        })?;
        let idle = self.seats.values().filter(|seat| seat.lane.id != id && seat.outstanding == 0).count();
        let seat = self.seats.get_mut(&id)?;
        let fair = (self.queue.len() / (idle + 1)).max(1);
        let most = seat.room(settings).min(fair);
        // The time of one that has a timeout begins when it is sent: to somebody who is ready and has nothing to do.
        let timed = |waiting: &Waiting| waiting.execution.subject().timeout.is_some();
        let count = match self.queue.iter().take(most).position(timed) {
            None => most,
            Some(0) if seat.outstanding == 0 && seat.stage != Stage::Starting => 1,
            Some(0) => return None,
            Some(before) => before,
        };
        if seat.outstanding == 0 {
            seat.busy_since = Instant::now();
        }
        seat.outstanding += count;
        seat.sent += count as u64;
        if let Some(most) = settings.max_tasks_per_child {
            if seat.sent >= most {
                seat.stage = Stage::Retiring;
            } else if seat.sent + 1 >= most && seat.stage == Stage::Ready {
                seat.stage = Stage::Aging;
            }
        }
        Some((Arc::clone(&seat.lane), self.queue.drain(..count).collect()))
    }

    pub(super) fn retire(&mut self, id: LaneId) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.stage = Stage::Retiring;
        }
    }

    pub(super) fn unassign(&mut self, id: LaneId, count: usize) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.outstanding = seat.outstanding.saturating_sub(count);
        }
    }

    pub(super) fn note_ended(&mut self, id: LaneId, count: usize, too_large: bool) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        seat.outstanding = seat.outstanding.saturating_sub(count);
        let now = Instant::now();
        if let Ok(count @ 1..) = u32::try_from(count) {
            let took = now.saturating_duration_since(seat.busy_since) / count;
            seat.pace = Some(seat.pace.map_or(took, |pace| if took > pace { took } else { (pace * 3 + took) / 4 }));
        }
        seat.busy_since = now;
        if too_large && seat.stage == Stage::Ready {
            seat.stage = Stage::Aging;
        }
    }

    /// Whoever has calls that could go to a worker without any, and how many.
    pub(super) fn richest_beside(&self, id: LaneId) -> Option<(Arc<Lane>, usize)> {
        let idle = self.seats.get(&id)?;
        if idle.outstanding > 0 || !self.queue.is_empty() || idle.stage != Stage::Ready {
            return None;
        }
        let others = self.seats.values().filter(|seat| seat.lane.id != id && seat.outstanding > 1);
        let richest = others.max_by_key(|seat| seat.outstanding)?;
        Some((Arc::clone(&richest.lane), richest.outstanding / 2))
    }

    /// A worker is ready; one that it replaces retires.
    pub(super) fn make_ready(&mut self, id: LaneId) -> Vec<Arc<Lane>> {
        if let Some(seat) = self.seats.get_mut(&id)
            && seat.stage == Stage::Starting
        {
            seat.stage = Stage::Ready;
        }
        let ready = self.seats.values().filter(|seat| seat.stage == Stage::Ready).count();
        let mut surplus = (ready + self.aging()).saturating_sub(self.target);
        let mut retired = Vec::new();
        for seat in self.seats.values_mut() {
            if surplus > 0 && seat.stage == Stage::Aging {
                seat.stage = Stage::Retiring;
                surplus -= 1;
                retired.push(Arc::clone(&seat.lane));
            }
        }
        retired
    }

    fn aging(&self) -> usize {
        self.seats.values().filter(|seat| seat.stage == Stage::Aging).count()
    }

    /// Wants more workers when more waits than they have room for; returns whether one is to be started.
    pub(super) fn raise_target(&mut self, workers: usize) -> bool {
        let busy = self.seats.values().filter(|seat| seat.is_staying() && seat.outstanding > 0).count();
        let wanted = (busy + self.queue.len()).min(workers);
        self.target = self.target.max(wanted);
        self.vacancies() > 0
    }

    pub(super) fn vacancies(&self) -> usize {
        let staying = self.seats.values().filter(|seat| seat.is_staying()).count();
        let vacant = self.target.saturating_sub(staying + self.starting);
        match self.phase {
            Phase::Open => vacant,
            // Only for what is left to do.
            Phase::Closing => vacant.min(self.queue.len().saturating_sub(self.starting)),
            Phase::Ended => 0,
        }
    }

    /// Whether a worker is to exit now, as it has nothing to do and will get nothing more.
    pub(super) fn leaves(&self, id: LaneId) -> bool {
        let all = self.phase != Phase::Open && self.queue.is_empty();
        self.seats.get(&id).is_some_and(|seat| seat.outstanding == 0 && (all || seat.stage == Stage::Retiring))
    }

    pub(super) fn take_leavers(&mut self) -> Vec<Arc<Lane>> {
        let all = self.phase != Phase::Open && self.queue.is_empty();
        let mut leavers = Vec::new();
        for seat in self.seats.values_mut() {
            if seat.outstanding == 0 && (all || seat.stage == Stage::Retiring) {
                seat.stage = Stage::Retiring;
                leavers.push(Arc::clone(&seat.lane));
            }
        }
        leavers
    }

    /// Takes those who wait for room and have it now.
    pub(super) fn take_room(&mut self, most: Option<usize>) -> Vec<Waker> {
        let Some(most) = most else { return Vec::new() };
        let free = most.saturating_sub(self.pending()).min(self.room.len());
        self.room.drain(..free).collect()
    }
}
