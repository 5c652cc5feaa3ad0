package worker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/line-frontdesk/frontdesk"
)

// echoPython is a bot in as little as Python needs.
const echoPython = `import json, sys
for line in sys.stdin:
    job = json.loads(line)
    text = job["event"]["message"]["text"]
    sys.stdout.write(json.dumps({"t": "done", "id": job["id"], "text": text}) + "\n")
    sys.stdout.flush()
`

// nowhere is a desk that takes everything and keeps nothing.
type nowhere struct{ frontdesk.Desk }

func (nowhere) Send(...frontdesk.Message) error { return nil }
func (nowhere) Profile(context.Context, string) (frontdesk.Profile, error) {
	return frontdesk.Profile{}, frontdesk.ErrNoProfile
}

func benchBot(b *testing.B, address string, environ ...string) frontdesk.Handler {
	b.Helper()
	bot, err := New(address, Config{
		Name: "test", Environ: append(os.Environ(), environ...),
		Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		b.Fatal(err)
	}
	if pipe, ok := bot.(*Pipe); ok {
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { pipe.Run(ctx) })
		b.Cleanup(func() { cancel(); running.Wait() })
	}
	return bot
}

// pythonBot returns the address of echoPython.
func pythonBot(b *testing.B) string {
	b.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		b.Skip("python3 is not installed")
	}
	file := filepath.Join(b.TempDir(), "bot.py")
	if err := os.WriteFile(file, []byte(echoPython), 0o600); err != nil {
		b.Fatal(err)
	}
	return "exec:'" + python + "' '" + file + "'"
}

func httpEcho(b *testing.B) string {
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"t":"done","text":"hello"}`)
	}))
	b.Cleanup(served.Close)
	return served.URL
}

// BenchmarkBots measures a bot with many conversations at once, and the time of
// one event alone.
func BenchmarkBots(b *testing.B) {
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for _, bot := range []struct {
		name    string
		address func(b *testing.B) string
	}{
		{"pipe/python", pythonBot},
		{"pipe/go", func(*testing.B) string { return "exec:'" + program + "'" }},
		{"http/go", httpEcho},
	} {
		b.Run(bot.name+"/many", func(b *testing.B) {
			h := benchBot(b, bot.address(b), puppetEnv+"=", "PYTHONUNBUFFERED=")
			one(b, h, 0)
			const conversations = 1000
			work := make(chan int, conversations)
			var wg sync.WaitGroup
			b.ResetTimer()
			for range conversations {
				wg.Go(func() {
					for i := range work {
						one(b, h, i%conversations)
					}
				})
			}
			for i := range b.N {
				work <- i
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
		b.Run(bot.name+"/alone", func(b *testing.B) {
			h := benchBot(b, bot.address(b), puppetEnv+"=", "PYTHONUNBUFFERED=")
			one(b, h, 0)
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				one(b, h, 0)
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e6, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e6, "p99-ms")
		})
	}
}

func one(b *testing.B, h frontdesk.Handler, i int) {
	ev := event("U"+strconv.Itoa(i), fmt.Sprint("say ", i))
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := h.Handle(ctx, nowhere{}, ev); err != nil {
		b.Error(err)
	}
}
