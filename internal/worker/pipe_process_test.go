package worker

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
)

func TestPipeEnvironment(t *testing.T) {
	s := newStage(t, "", func(b *Pipe) {
		b.cfg.Environ = append(b.cfg.Environ, "LINE_CHANNEL_SECRET=a", "FRONTDESK_WORKER_SECRET=b", "MY_TOKEN=x-0123456789", "DATABASE_URL=c")
		b.cfg.Secrets = []string{"", "0123456789"}
	})
	for _, tc := range []struct{ name, want string }{
		{"LINE_CHANNEL_SECRET", ""}, {"FRONTDESK_WORKER_SECRET", ""}, {"MY_TOKEN", ""}, {"DATABASE_URL", "c"}, {"FRONTDESK_WORKER", "0"},
		{"PATH", os.Getenv("PATH")},
	} {
		if got := s.says("U1", "env "+tc.name); got != tc.name+"="+tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

// Its children end with a process.
func TestPipeEndsTheGroup(t *testing.T) {
	s := newStage(t, "", nil)
	child, err := strconv.Atoi(s.says("U1", "child"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.handle(event("U1", "kill"), soon); !interrupted(err) {
		t.Errorf("got %v", err)
	}
	await(t, "the child's end", func() bool { return gone(child) })
	if got := s.says("U1", "say hello"); got != "hello" {
		t.Errorf("got %q", got)
	}
}

// gone reports whether a process has ended, also when nobody has waited for it.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}

func TestPipeEnd(t *testing.T) {
	t.Run("in order", func(t *testing.T) {
		s := newStage(t, "", func(b *Pipe) { b.cfg.Environ = append(b.cfg.Environ, "PUPPET_END=err good bye") })
		s.says("U1", "say hello")
		s.stop()
		if s.log.count("good bye") != 1 || s.log.count("SIG") != 0 {
			t.Errorf("got:\n%s", s.log)
		}
	})
	t.Run("by force", func(t *testing.T) {
		s := newStage(t, "ignore", func(b *Pipe) {
			b.cfg.Environ = append(b.cfg.Environ, "PUPPET_END=hang")
			b.times.closeGrace, b.times.termGrace = 10*time.Millisecond, 10*time.Millisecond
		})
		pid, err := strconv.Atoi(s.says("U1", "pid"))
		if err != nil {
			t.Fatal(err)
		}
		s.stop()
		if !gone(pid) {
			t.Error("the process goes on")
		}
		if s.log.count("SIGTERM; it gets SIGKILL") != 1 {
			t.Errorf("got:\n%s", s.log)
		}
	})
	t.Run("with an event in hand", func(t *testing.T) {
		s := newStage(t, "", func(b *Pipe) { b.times.closeGrace = 0 })
		ended := make(chan error)
		go func() {
			_, err := s.handle(event("U1", "hang"), soon)
			ended <- err
		}()
		await(t, "the event in hand", func() bool { return s.bot.processes[0].room.held() == 1 })
		s.stop()
		if err := <-ended; !interrupted(err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestPipeProfile(t *testing.T) {
	profile := frontdesk.Profile{UserID: "U1", DisplayName: "花子", Language: "ja"}
	if got := *profileOf(t, desktest.New(desktest.WithProfile(profile))); got != profile {
		t.Errorf("got %+v", got)
	}
	if got := profileOf(t, desktest.New()); got != nil {
		t.Errorf("got %+v, want none", got)
	}
}

func profileOf(t *testing.T, desk *desktest.Desk) *frontdesk.Profile {
	return profile(t.Context(), desk, event("U1", "hello"))
}
