/** The turnstile in Redis: `LocalTurnstile` of the storage library, word for word, on Redis' own clock. */
export const TURN = `
local ask = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local kept = redis.call('GET', KEYS[1])
local state = kept and cjson.decode(kept) or { pausedUntil = 0, load = 0, loadAt = now, holders = {}, flows = {} }
local since = now
local others = {}
local count, taken, sharing = 0, 0, 1
for id, holder in pairs(state.holders) do
  if holder['until'] > now then
    if id == ask.holder then
      since = holder.since or now
    else
      others[id] = holder
      count = count + 1
      taken = taken + holder.held
      if holder.held > 0 or holder.since then sharing = sharing + 1 end
    end
  end
end
if ask.pauseMs > 0 then state.pausedUntil = math.max(state.pausedUntil, now + ask.pauseMs) end
if ask.said then
  state.most = ask.said.most ~= cjson.null and ask.said.most or nil
  state.note = ask.said.note
end
local pause = math.max(0, state.pausedUntil - now)
state.load = state.load * math.exp(math.min(0, state.loadAt - now) / 1000)
state.loadAt = now
local wait, through = 0, false
if ask.wants and pause > 0 then
  wait = pause
elseif ask.wants then
  local most = math.min(ask.most, state.most or ask.most)
  local share = math.max(1, math.floor(most / sharing))
  local hungry, older = 0, 0
  for _, holder in pairs(others) do
    if holder.since and holder.held < share then
      hungry = hungry + 1
      if holder.since < since then older = older + 1 end
    end
  end
  if not (most - ask.held - taken > older and (ask.held < share or hungry == 0)) then wait = 50 end
  for _, flow in ipairs(ask.flows) do
    local behind = (state.flows[flow.name] or now) - flow.burstMs - now
    if behind > 0 then wait = math.max(wait, behind + older * flow.costMs) end
  end
  through = wait <= 0
end
local held = ask.held
if through then
  held = held + 1
  state.load = state.load + 1
  for _, flow in ipairs(ask.flows) do
    state.flows[flow.name] = math.max(state.flows[flow.name] or now, now) + flow.costMs
  end
end
local waits = ask.wants and not through and pause == 0
local me = { held = held, ['until'] = now + (held > 0 and 30000 or waits and wait + 1000 or 5000) }
if waits then me.since = since end
others[ask.holder] = me
state.holders = others
redis.call('SET', KEYS[1], cjson.encode(state), 'PX', ARGV[2])
return cjson.encode({ through = through, waitMs = wait, pauseMs = pause, others = count, load = state.load, note = state.note or cjson.null })`;
