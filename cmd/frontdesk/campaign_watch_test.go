package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/server"
)

// Where there is no terminal, a long wait is told in few lines, and the last of
// them come close together.
func TestCountdown(t *testing.T) {
	var out bytes.Buffer
	p := newPace(&out)
	begun := time.Now()
	c := server.CampaignRow{State: "scheduled", Users: 3, StartAt: begun.Add(72 * time.Hour)}
	for now := begun; now.Before(c.StartAt); now = now.Add(time.Second) {
		p.tell(c, now)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) < 50 || len(lines) > 200 {
		t.Errorf("%d lines tell of three days, want about 100", len(lines))
	}
	if first, last := lines[0], lines[len(lines)-1]; !strings.HasSuffix(first, ", in 3d0h") || !strings.HasSuffix(last, "s") || strings.Contains(last, "m") {
		t.Errorf("the first line is %q and the last %q", first, last)
	}
	out.Reset()
	c.State, c.Sent = "running", 1
	p.tell(c, c.StartAt.Add(10*time.Second))
	if got := out.String(); !strings.HasPrefix(got, "1 of 3") {
		t.Errorf("when it runs it tells %q", got)
	}
}
