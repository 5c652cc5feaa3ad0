package gateway

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/line-frontdesk/frontdesk/line"
)

const (
	// A bot at whose address nobody listens is tried again after this long,
	// doubled while that goes on. Meanwhile nobody else tries.
	absentMin = 125 * time.Millisecond
	absentMax = time.Second
)

// absence is whether nobody listens at a bot's address. The zero value says that
// somebody does. Methods may be called concurrently.
type absence struct {
	mu     sync.Mutex
	pause  time.Duration // 0 while the bot is there
	raised time.Time     // when pause was set
	until  time.Time     // before it nobody tries
}

// enter returns how long not to try, 0 to try now, and whether the bot was not
// there so far. Who waits comes back spread over a while, and the first who may
// try lets the others wait for another pause.
func (a *absence) enter(now time.Time) (wait time.Duration, absent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Before(a.until) {
		return a.until.Sub(now) + time.Duration(rand.Float64()*float64(a.pause)), true
	}
	a.until = now.Add(a.pause)
	return 0, a.pause > 0
}

// noticed tells that nobody listens. It returns how long to wait, and whether that
// is news.
func (a *absence) noticed(now time.Time) (wait time.Duration, news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news = a.pause == 0
	if now.Sub(a.raised) >= a.pause { // else several tried at once
		a.pause = min(max(2*a.pause, absentMin), absentMax)
		a.raised = now
	}
	a.until = now.Add(a.pause)
	return a.pause, news
}

// over tells that the bot is there, and reports whether that is news.
func (a *absence) over() (news bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news = a.pause > 0
	a.pause, a.until = 0, time.Time{}
	return news
}

const (
	// accountLimit bounds asking LINE for the channel's own account, and
	// accountPause is the time until it is asked again after it did not tell.
	accountLimit = 2 * time.Second
	accountPause = time.Minute
)

// account is the channel's own account at LINE.
type account struct {
	client *line.Client
	lg     *slog.Logger

	mu    sync.Mutex
	id    string
	again time.Time // when LINE may be asked again
}

// userID returns the "destination" of the channel's webhooks; "" while LINE does
// not tell it. The first who asks waits for LINE, and the others with it.
func (a *account) userID(ctx context.Context) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.id != "" || time.Now().Before(a.again) {
		return a.id
	}
	ctx, cancel := context.WithTimeout(ctx, accountLimit)
	defer cancel()
	info, err := a.client.BotInfo(ctx)
	if err != nil {
		a.again = time.Now().Add(accountPause)
		a.lg.Warn("LINE did not tell the bot's user ID; its webhooks have an empty destination until it does", "error", err)
		return ""
	}
	a.id = info.UserID
	return a.id
}
