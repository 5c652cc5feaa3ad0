package server_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/line-frontdesk/frontdesk/bots/parrot"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// browserLimit bounds a test with a browser.
const browserLimit = 3 * time.Minute

// browser returns a context of a headless Chromium. Without one the test is
// skipped, except under CI, where it must be there.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs Chromium: .ci/run installs it")
		}
		t.Skip("no chromium on this machine")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1400, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, browserLimit)
	t.Cleanup(cancel)
	return ctx
}

// startDev starts a server and a simulator that know each other, as the
// command dev does, and returns the simulator's page.
func startDev(t *testing.T) (page string) {
	t.Helper()
	var srv *server.Server
	sim, err := linesim.New(linesim.Config{Path: func(_ context.Context, id string) ([]linesim.Step, error) {
		var steps []linesim.Step
		for _, s := range srv.Path(id) {
			steps = append(steps, linesim.Step{Step: s.Step, At: s.At, RequestID: s.RequestID})
		}
		return steps, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(sim)
	ctx, cancel := context.WithCancel(context.Background())
	srv, err = server.New(ctx, server.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "data"),
		LINE:     server.LINE{API: web.URL + "/sim/line"},
		Channels: []server.Channel{{Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken()}},
	}, parrot.New())
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.SetWebhookURL("http://" + srv.Addr().String() + "/callback"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // awaited below
	t.Cleanup(func() {
		sim.Close(context.Background())
		web.CloseClientConnections()
		web.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return web.URL
}

// TestPage does what a new user does: adds a phone, types hello, and sees the
// answer and the way it took.
func TestPage(t *testing.T) {
	ctx := browser(t)
	page := startDev(t)
	if err := chromedp.Do(ctx,
		chromedp.Navigate(page),
		chromedp.Click("#first-en"),
		chromedp.WaitVisible(`.bubble[data-from="bot"]`), // the greeting
		chromedp.SendKeys("#composer-text", "hello"),
	); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	const newest = `article:has(.bubble[data-from="user"]) + article .bubble[data-from="bot"][data-via="reply"]`
	if err := chromedp.Do(ctx, chromedp.SendKeys("#composer-text", "\r"), chromedp.WaitVisible(chromedp.CSS(newest))); err != nil {
		t.Fatal(err)
	}
	answer, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(newest)))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("answered %q, seen after %v", answer, time.Since(start))
	if want := "“hello”"; !strings.Contains(answer, want) {
		t.Errorf("the answer is %q, want it to hold %q", answer, want)
	}
	if left, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("#composer-text").value`)); err != nil || left != "" {
		t.Errorf("after sending the composer holds %q (%v)", left, err)
	}
	for _, step := range []string{"received", "stored", "answered 200", "handed to the handler", "stored in the outbox", "sent by reply", "on the phone"} {
		if err := chromedp.Do(ctx, chromedp.WaitVisible(`#path li[data-step="`+step+`"]`)); err != nil {
			t.Fatalf("step %q is not shown: %v", step, err)
		}
	}
	if dir := os.Getenv("FRONTDESK_SCREENSHOTS"); dir != "" {
		for name, width := range map[string]int64{"phone.png": 1400, "phone-narrow.png": 390} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 860)); err != nil {
				t.Fatal(err)
			}
			screenshot(ctx, t, filepath.Join(dir, name))
		}
	}
}

// screenshot takes a picture once the page has come to rest, but for what never does.
func screenshot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	const moving = `document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).length`
	for n := 1; n > 0; {
		var err error
		if n, err = chromedp.Run(ctx, chromedp.Evaluate[int](moving)); err != nil {
			t.Fatal(err)
		}
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, png, 0o600); err != nil {
		t.Fatal(err)
	}
}
