"""A second simulator: plain Python, event by event, written from the rules and sharing no code with the package.

One run. Slow and meant to be read beside the rules: contributions, netting, caps, ladder, sizing, band, fills,
crossing, corporate actions. It takes the book's arrays as nested lists and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NAN = float("nan")


@dataclass
class Account:
    cash: float
    position: list[float]
    held: list[list[float]]
    money: list[float]
    peak: float
    interest: float = 0.0
    since: int = -1
    level: str = "NORMAL"
    halted_at: int = 0
    entry: dict[tuple[int, int], tuple[float, int]] = field(default_factory=dict)


@dataclass
class Line:
    """One decision time, as the decision found it and what it led to."""

    nav: float
    cash: float
    level: str
    position: list[float]
    held: list[list[float]]
    pnl: list[float]
    filled: list[float]
    interest: float
    price: list[float]
    entry: dict[tuple[int, int], tuple[float, int]]


@dataclass
class Wish:
    """What a decision hands to the fills: lots to trade, and lots wanted by strategy."""

    nav: float
    order: list[float]
    wanted: list[list[float]]
    target: list[float]
    limit: list[float]


def simulate(market, plan, terms, capital):
    """Run the whole book; returns the lines and the final account."""
    m = {name: getattr(market, name).tolist() for name in market._fields}
    for name, otherwise in (("split", 1.0), ("dividend", 0.0), ("factor", 1.0)):
        m[name] = m[name] or [[otherwise] * len(m["unit"]) for _ in m["times"]]
    p = {name: getattr(plan, name)[0].tolist() for name in plan._fields}
    t = {name: getattr(terms, name)[0].tolist() for name in terms._fields}
    strategies, instruments = len(p["multiplier"]), len(m["unit"])
    account = Account(
        cash=capital,
        position=[0.0] * instruments,
        held=[[0.0] * instruments for _ in range(strategies)],
        money=[0.0] * strategies,
        peak=capital,
    )
    lines = []
    for k, now in enumerate(m["times"]):
        grow(m, t, account, k, now)
        wish = decide(m, p, t, account, k, now)
        line = Line(
            nav=wish.nav,
            cash=account.cash,
            level=account.level,
            position=list(account.position),
            held=[list(row) for row in account.held],
            pnl=[
                account.money[s]
                + sum(
                    account.held[s][j] * m["unit"][j] * m["mark"][k][j]
                    for j in range(instruments)
                    if account.held[s][j]
                )
                for s in range(strategies)
            ],
            filled=[0.0] * instruments,
            interest=account.interest,
            price=[NAN] * instruments,
            entry=dict(account.entry),
        )
        lines.append(line)
        fill(m, t, account, k, wish, line)
    return lines, account


def grow(m, t, account, k, now):
    """Interest on cash, and what borrowing costs who is short, for the time since the row before."""
    if account.since >= 0:
        years = (now - account.since) / (365 * 86400e9)
        gain = account.cash * t["interest"][0 if account.cash > 0.0 else 1] * years
        account.cash += gain
        account.interest += gain
        for j, lots in enumerate(account.position):
            if lots < 0.0 and not math.isnan(m["mark"][k][j]):
                due = -lots * m["unit"][j] * m["mark"][k][j] * t["borrow"][j] * years
                account.cash -= due
                shorts = {s: -row[j] for s, row in enumerate(account.held) if row[j] < 0.0}
                for s, size in shorts.items():
                    account.money[s] -= due * size / math.fsum(shorts.values())
    account.since = now


def decide(m, p, t, account, k, now):
    instruments, strategies = range(len(m["unit"])), range(len(p["multiplier"]))
    mark, unit = m["mark"][k], m["unit"]
    nav = account.cash + sum(account.position[j] * unit[j] * mark[j] for j in instruments if account.position[j])

    # Ladder first by time: the state that this decision acts under.
    derisk, halt, recovery, half, wait = t["ladder"]
    if account.level == "HALTED" and now - account.halted_at >= wait:
        account.level, account.peak = "NORMAL", nav
    account.peak = max(account.peak, nav)
    drawdown = 1.0 - nav / account.peak
    if account.level != "HALTED":
        if drawdown >= halt:
            account.level, account.halted_at = "HALTED", now
        elif drawdown >= derisk:
            account.level = "DERISKED"
        elif drawdown < recovery:
            account.level = "NORMAL"
    factor = {"NORMAL": 1.0, "DERISKED": half, "HALTED": 0.0}[account.level]
    if nav <= 0.0:
        factor = 0.0

    # 1 contributions, with overrides judged against what the strategy holds
    contribution = [[0.0] * len(unit) for _ in strategies]
    for s in strategies:
        for j in instruments:
            wish = p["weights"][k][s][j] * p["budget"][k][s] * p["multiplier"][s][j]
            have = account.held[s][j] * unit[j] * mark[j] / nav if account.held[s][j] and nav > 0.0 else 0.0
            # A bar that only repeats the last close is no reason to trade, for who sees it.
            flag = 2 if m["carried"][k][j] and p["carries"][s] else p["flags"][s][j]
            if flag == 2:
                wish = have
            elif flag == 1:
                wish = math.copysign(min(abs(wish), abs(have)), have) if wish * have > 0.0 else 0.0
            contribution[s][j] = wish
        asked = math.fsum(abs(wish) for wish in contribution[s])
        if asked > p["cap"][s]:
            contribution[s] = [wish * p["cap"][s] / asked for wish in contribution[s]]

    # 2 netting
    desired = [math.fsum(contribution[s][j] for s in strategies) for j in instruments]
    # Wishes that cancel but for the last digits of a float cancel.
    for j in instruments:
        if abs(desired[j]) < 1e-14 * max(abs(contribution[s][j]) for s in strategies):
            desired[j] = 0.0

    # 3 caps; what can't trade now keeps its holding, which takes room
    able = [m["tradable"][k][j] and not math.isnan(mark[j]) and not 0 <= m["gone"][j] <= k for j in instruments]
    weight = [
        account.position[j] * unit[j] * mark[j] / nav if account.position[j] and nav > 0.0 else 0.0 for j in instruments
    ]
    asset_cap = [min(t["asset_cap"][j], t["asset_tight"][k]) for j in instruments]
    scale = [min(1.0, asset_cap[j] / abs(desired[j])) if desired[j] else 1.0 for j in instruments]
    groups = [([j for j in instruments if m["asset_class"][j] == c], cap) for c, cap in enumerate(t["class_cap"][k])]
    for members, cap in [*groups, (list(instruments), t["gross_cap"][k])]:
        room = max(0.0, cap - sum(abs(weight[j]) for j in members if not able[j]))
        wanted = sum(abs(desired[j]) * scale[j] for j in members if able[j])
        if wanted > room:
            for j in members:
                scale[j] *= room / wanted if able[j] else 1.0

    # the sum of all weights: its longer side gives way, as far as it can move
    total = math.fsum(desired[j] * scale[j] if able[j] else weight[j] for j in instruments)
    over = abs(total) - t["net_cap"][k]
    longer = [j for j in instruments if able[j] and desired[j] * total > 0.0]
    size = math.fsum(abs(desired[j]) * scale[j] for j in longer)
    if over > 0.0 and size > 0.0:
        for j in longer:
            scale[j] *= max(0.0, size - over) / size

    # 4 ladder on the capped book
    scale = [part * factor for part in scale]

    # 6 lots, and the band
    wanted_lots = [[0.0] * len(unit) for _ in strategies]
    order = [0.0] * len(unit)
    base = nav
    if t["at_fill"]:
        base = account.cash + sum(
            account.position[j] * unit[j] * (sizing_price(m, t, k, j) + on_its_way(m, k, j))
            for j in instruments
            if account.position[j]
        )
    target = [0.0] * len(unit)
    for j in instruments:
        price = sizing_price(m, t, k, j)
        target[j] = account.position[j]
        if math.isnan(price):
            continue
        lots = base / (unit[j] * price)
        exact = desired[j] * scale[j] * lots
        target[j] = exact
        for s in strategies:
            wanted_lots[s][j] = contribution[s][j] * scale[j] * lots
        if m["rounds"][j]:
            target[j] = float(math.trunc(exact + math.copysign(1e-9, exact)))
            give_up_fraction([row for row in wanted_lots], j, exact - target[j])
        order[j] = target[j] - account.position[j]
    for j in instruments:
        if order[j] and held_back(m, t, account, k, j, nav, order[j], target[j], weight, asset_cap):
            order[j] = 0.0
    limit = [limit_price(m["tick"][j], mark[j], t["limit"][j], order[j]) for j in instruments]
    return Wish(nav, order, wanted_lots, target, limit)


def limit_price(tick, close, away, order):
    """The tick that is no worse for the sender than the distance from the close; NaN for an order at the market."""
    if order == 0.0 or math.isnan(away):
        return NAN
    if order > 0.0:
        return math.floor(close * (1.0 - away) / tick + 1e-9) * tick
    return math.ceil(close * (1.0 + away) / tick - 1e-9) * tick


def sizing_price(m, t, k, j):
    # counted per unit as it is before a split that comes before the fill
    fill_price = m["fill_open"][k][j] * m["split"][k][j]
    known = not math.isnan(m["mark"][k][j])
    return fill_price if t["at_fill"] and known and not math.isnan(fill_price) else m["mark"][k][j]


def on_its_way(m, k, j):
    """Dividend that the fill price is without."""
    return 0.0 if math.isnan(m["fill_open"][k][j]) else m["dividend"][k][j]


def give_up_fraction(rows, j, fraction):
    """The part of a lot that can't be bought is given up, pro rata, by those on its side."""
    side = [row for row in rows if row[j] * fraction > 0.0]
    total = math.fsum(row[j] for row in side)
    for row in side:
        row[j] -= fraction * row[j] / total


def held_back(m, t, account, k, j, nav, order, target, weight, asset_cap):
    """Whether the no-trade band keeps an order: small, and no reduction of a breach, a halt or a full exit."""
    value = abs(order) * m["unit"][j] * m["mark"][k][j]
    if value < t["least"][j]:
        return True
    if value >= t["band"] * nav:
        return False
    reduces = account.position[j] * order < 0.0
    if not reduces:
        return True
    mine = m["asset_class"][j]
    breach = (
        abs(weight[j]) > asset_cap[j] * (1 + 1e-9)
        or sum(map(abs, weight)) > t["gross_cap"][k] * (1 + 1e-9)
        or sum(abs(w) for i, w in enumerate(weight) if m["asset_class"][i] == mine)
        > t["class_cap"][k][mine] * (1 + 1e-9)
        or (abs(sum(weight)) > t["net_cap"][k] * (1 + 1e-9) and sum(weight) * weight[j] > 0.0)
    )
    return not (breach or account.level == "HALTED" or target == 0.0)


def take_effect(m, account, k, wish):
    """Dividends of what was held, then splits of all that is counted in units; what is no whole lot becomes cash."""
    for j, unit in enumerate(m["unit"]):
        ratio, paid = m["split"][k][j], m["dividend"][k][j]
        account.cash += account.position[j] * unit * paid
        for s, row in enumerate(account.held):
            account.money[s] += row[j] * unit * paid
        if ratio != 1.0:
            divide(m, account, k, j, wish, ratio, paid)
        if m["gone"][j] == k:
            account.cash += account.position[j] * unit * m["last_price"][j]
            account.position[j] = 0.0
            for s, row in enumerate(account.held):
                account.money[s] += row[j] * unit * m["last_price"][j]
                row[j] = 0.0
                account.entry.pop((s, j), None)
        if 0 <= m["gone"][j] <= k:
            wish.order[j] = 0.0
            for row in wish.wanted:
                row[j] = 0.0


def divide(m, account, k, j, wish, ratio, paid):
    """One split."""
    unit = m["unit"][j]
    before = account.position[j] * ratio
    keeps_whole = m["rounds"][j] and not math.isnan(m["mark"][k][j]) and m["gone"][j] != k
    after = down(before) if keeps_whole else before
    value = unit * (m["mark"][k][j] - paid) / ratio
    side = math.fsum(row[j] for row in account.held if row[j] * before > 0.0)
    for s, row in enumerate(account.held):
        share = row[j] / side if side and row[j] * before > 0.0 else 0.0
        row[j] = row[j] * ratio
        if before != after:
            row[j] -= share * (before - after)
            account.money[s] += share * (before - after) * value
        if abs(row[j]) < 1e-9:
            row[j] = 0.0
            account.entry.pop((s, j), None)
    if before != after:
        account.cash += (before - after) * value
    account.position[j] = after
    aim = wish.target[j] * ratio
    whole = down(aim) if m["rounds"][j] else aim
    for row in wish.wanted:
        row[j] *= ratio
    give_up_fraction(wish.wanted, j, aim - whole)
    wish.order[j] = whole - after if wish.order[j] else 0.0


def down(lots):
    """Whole lots toward zero; a hair below one counts as it."""
    return float(math.trunc(lots + math.copysign(1e-9, lots)))


def outcome(m, t, k, j, order, limit):
    """What the fill bar makes of an order: at which price, how dear, and whether within the bar; None for nothing."""
    taker, maker, slippage = t["taker"][j], t["maker"][j], t["slippage"][j]
    first = m["fill_open"][k][j]
    if math.isnan(limit):
        return first, taker + slippage, False
    limit = (limit - m["dividend"][k][j]) / m["split"][k][j]
    if (order > 0.0 and first <= limit) or (order < 0.0 and first >= limit):
        return first, taker, False
    if (order > 0.0 and m["fill_low"][k][j] < limit) or (order < 0.0 and m["fill_high"][k][j] > limit):
        return limit, maker, True
    return None


def fill(m, t, account, k, wish, line):
    take_effect(m, account, k, wish)
    due: dict[int, list[int]] = {}
    how = {}
    room = {}
    for j, at in enumerate(m["fill_at"][k]):
        volume = m["fill_volume"][k][j]
        if at < 0 or not m["tradable"][k][j] or math.isnan(m["fill_open"][k][j]) or volume == 0.0:
            continue
        made = outcome(m, t, k, j, wish.order[j], wish.limit[j]) if wish.order[j] else None
        how[j] = made or (m["fill_open"][k][j], 0.0, False)
        room[j] = math.inf
        if t["share"] != math.inf:
            room[j] = 0.0 if math.isnan(volume) else t["share"] * volume / m["unit"][j]
            room[j] = down(room[j]) if m["rounds"][j] else room[j]
        if made is None:
            room[j] = 0.0
        due.setdefault(2**63 if how[j][2] else at, []).append(j)
    for at in sorted(due):
        rest = {}
        for j in due[at]:
            order, have = wish.order[j], account.position[j]
            cut = math.copysign(min(abs(order), abs(have)), order) if order * have < 0.0 else 0.0
            rest[j] = order - cut
            cut = math.copysign(min(abs(cut), room[j]), cut)
            trade(m, account, j, cut, how[j])
            room[j] -= abs(cut)
            rest[j] = math.copysign(min(abs(rest[j]), room[j]), rest[j])
            line.filled[j] += cut
        factors = increases(m, t, account, k, wish.nav, rest, how)
        for j in due[at]:
            part = factors.get(m["asset_class"][j], 1.0)
            lots = rest[j] * part
            if part < 1.0 and m["rounds"][j]:
                lots = float(math.trunc(lots + math.copysign(1e-9, lots)))
            trade(m, account, j, lots, how[j])
            line.filled[j] += lots
        for j in due[at]:
            if line.filled[j]:
                line.price[j] = how[j][0]
            else:
                how[j] = (m["fill_open"][k][j], 0.0, False)
            cross(m, account, k, j, m["fill_at"][k][j], [row[j] for row in wish.wanted], line.filled[j], how[j])


def trade(m, account, j, lots, how):
    price, dear, _ = how
    value = lots * m["unit"][j] * price
    account.position[j] += lots
    account.cash -= value + abs(value) * dear


def increases(m, t, account, k, nav, rest, how):
    """Factor by class: one for all from cash and gross headroom, lower in a class whose own headroom is less."""
    price = [mark / ratio for mark, ratio in zip(m["mark"][k], m["split"][k], strict=True)]
    at_mark = {j: abs(lots) * m["unit"][j] * price[j] for j, lots in rest.items() if lots}
    have = [abs(x) * m["unit"][i] * price[i] if x else 0.0 for i, x in enumerate(account.position)]
    cost = sum(lots * m["unit"][j] * how[j][0] * (1.0 + how[j][1]) for j, lots in rest.items() if lots > 0.0)
    borrow = max(0.0, t["gross_cap"][k] - 1.0) * nav
    limits = [1.0]
    if cost > 0.0:
        limits.append(max(0.0, account.cash + borrow) / cost)
    added = sum(at_mark.values())
    if added > 0.0:
        limits.append(max(0.0, t["gross_cap"][k] * nav - sum(have)) / added)
    common = min(limits)
    factors = {}
    for c, cap in enumerate(t["class_cap"][k]):
        mine = sum(value for j, value in at_mark.items() if m["asset_class"][j] == c)
        room = max(0.0, cap * nav - sum(value for i, value in enumerate(have) if m["asset_class"][i] == c))
        factors[c] = min(common, room / mine) if mine > 0.0 else common
    return factors


def cross(m, account, k, j, at, wanted, lots, how):
    """Strategies move: the smaller side whole, among themselves; the larger shares that and the market fill."""
    price, dear, _ = how
    unit = m["unit"][j]
    moves = {s: w - account.held[s][j] for s, w in enumerate(wanted) if w != account.held[s][j]}
    buyers = {s: d for s, d in moves.items() if d > 0.0}
    sellers = {s: -d for s, d in moves.items() if d < 0.0}
    bought, sold = math.fsum(buyers.values()), math.fsum(sellers.values())
    sign = 1.0 if bought >= sold else -1.0
    many, few = (buyers, sellers) if bought >= sold else (sellers, buyers)
    crossed, asked = min(bought, sold), max(bought, sold)
    if asked == 0.0:
        return
    cost = abs(lots) * unit * price * dear
    for s, d in few.items():
        settle(account, s, j, -sign * d, price, unit, 0.0, at, m["factor"][k][j])
    for s, d in many.items():
        moved = d / asked * (sign * crossed + lots)
        settle(account, s, j, moved, price, unit, cost * d / asked, at, m["factor"][k][j])


def settle(account, s, j, moved, price, unit, cost, at, factor):
    before = account.held[s][j]
    after = before + moved
    # What floating point leaves of a holding that goes is no holding.
    if abs(after) < max(1e-9, 1e-14 * abs(before)):
        after = 0.0
    account.held[s][j] = after
    account.money[s] -= moved * unit * price + cost
    if after == 0.0:
        account.entry.pop((s, j), None)
    elif before * after <= 0.0:
        account.entry[s, j] = (price * factor, at)
    elif abs(after) > abs(before):
        old, since = account.entry[s, j]
        account.entry[s, j] = ((old * abs(before) + price * factor * abs(moved)) / abs(after), since)
