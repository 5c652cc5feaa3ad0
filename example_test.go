package frontdesk_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"time"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line-frontdesk/frontdesk/server"
)

// A bot on its server, and a simulated LINE whose user writes to it. A real one
// gets its secret and access token from the LINE Developers Console.
func Example() {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	line := httptest.NewServer(sim)
	defer line.Close()
	data, err := os.MkdirTemp("", "frontdesk")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(data)

	// The bot.
	mux := frontdesk.NewMux()
	mux.Text(`^my name`, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		profile, err := d.Profile(ctx, ev.Source.UserID)
		if err != nil {
			return err // tried again later
		}
		return d.Send(frontdesk.Text("You are " + profile.DisplayName + "."))
	})
	s, err := server.New(context.Background(), server.Config{
		Listen: "127.0.0.1:0",
		Data:   data,
		LINE:   server.LINE{API: line.URL + "/sim/line"},
		Channels: []server.Channel{{
			Name: "main", Secrets: []string{sim.ChannelSecret()}, AccessToken: sim.ChannelAccessToken(),
		}},
	}, mux)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with stop

	// Its user.
	err = sim.SetWebhookURL("http://" + s.Addr().String() + "/callback/main")
	if err != nil {
		fmt.Println(err)
	}
	user, err := sim.AddUser(linesim.NewUser{DisplayName: "Hanako"})
	if err != nil {
		fmt.Println(err)
	}
	if _, err := sim.SendText(user.UserID, "my name?"); err != nil {
		fmt.Println(err)
	}
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	phone, err := sim.WaitForMessages(wait, user.UserID, linesim.Query{From: linesim.FromBot}, 1)
	if err != nil {
		fmt.Println(err)
	}
	for _, m := range phone {
		fmt.Println(m.Via+":", m.Text())
	}

	stop()
	fmt.Println(<-ended, sim.Close(context.Background()))
	// Output:
	// reply: You are Hanako.
	// <nil> <nil>
}

func ExampleMux() {
	mux := frontdesk.NewMux()
	mux.Text(`^buy (\d+)`, func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text("Here you are: " + ev.Match[1]))
	})
	mux.Message("sticker", func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		return d.Send(frontdesk.Sticker("446", "1988"))
	})
	mux.Event(frontdesk.TypeFollow, func(_ context.Context, d frontdesk.Desk, _ *frontdesk.Event) error {
		return d.Send(frontdesk.Text("Welcome!"))
	})
	mux.Default(func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text("I do not know what to say to a " + ev.Type + "."))
	})

	desk := desktest.New()
	for _, ev := range []*frontdesk.Event{
		desktest.FollowEvent("U1", false), desktest.TextEvent("U1", "buy 3"), desktest.PostbackEvent("U1", "menu"),
	} {
		if err := mux.Handle(context.Background(), desk, ev); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%q\n", desk.Texts(""))
	// Output:
	// ["Welcome!" "Here you are: 3" "I do not know what to say to a postback."]
}

// A bot that is told "180" and speaks up three minutes later.
func ExampleMux_Timer() {
	mux := frontdesk.NewMux()
	mux.Text(`^(\d+)$`, func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		seconds, err := strconv.Atoi(ev.Match[1])
		if err != nil || seconds < 1 || seconds > 86400 {
			return d.Send(frontdesk.Text("1 to 86400 seconds, please."))
		}
		err = d.SetTimer(frontdesk.Timer{Key: "tea", After: time.Duration(seconds) * time.Second, Payload: ev.Match[1]})
		if err != nil {
			return err
		}
		return d.Send(frontdesk.Text("See you then."))
	})
	mux.Timer(`^tea$`, func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text(ev.Timer.Payload + " seconds are over!"))
	})

	desk := desktest.New()
	if err := mux.Handle(context.Background(), desk, desktest.TextEvent("U1", "180")); err != nil {
		fmt.Println(err)
	}
	for _, timer := range desk.SetTimers() {
		fmt.Println(timer.Key, "in", timer.After)
		if err := mux.Handle(context.Background(), desk, desktest.TimerEvent("U1", timer)); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%q\n", desk.Texts(""))
	// Output:
	// tea in 3m0s
	// ["See you then." "180 seconds are over!"]
}

// A middleware that lets a bot answer in groups only when it is named.
func ExampleMiddleware() {
	onlyWhenNamed := func(next frontdesk.Handler) frontdesk.Handler {
		return frontdesk.HandlerFunc(func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
			if ev.Source.Type == "group" && (ev.Message == nil || ev.Message.Mention == nil) {
				return nil
			}
			return next.Handle(ctx, d, ev)
		})
	}
	echo := frontdesk.HandlerFunc(func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text(ev.Message.Text))
	})
	h := frontdesk.Chain(echo, onlyWhenNamed)

	desk := desktest.New()
	for _, ev := range []*frontdesk.Event{
		desktest.GroupTextEvent("C1", "U1", "among ourselves"), desktest.TextEvent("U1", "to the bot"),
	} {
		if err := h.Handle(context.Background(), desk, ev); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(desk.Texts(""))
	// Output:
	// [to the bot]
}

// What will never work becomes a dead letter now; what may work later is tried
// again, in a time of the handler's choice.
func ExampleDrop() {
	errNoStock, errBusy := errors.New("no tea left"), errors.New("shop is busy")
	order := func(tea string) error {
		switch tea {
		case "sencha":
			return frontdesk.Drop(errNoStock)
		case "hojicha":
			return frontdesk.Retry(errBusy, time.Minute)
		}
		return nil
	}
	for _, tea := range []string{"sencha", "hojicha", "genmaicha"} {
		err := order(tea)
		var drop *frontdesk.DropError
		var retry *frontdesk.RetryError
		switch {
		case errors.As(err, &drop):
			fmt.Println(tea, "is a dead letter:", err)
		case errors.As(err, &retry):
			fmt.Println(tea, "is tried again in", retry.After, "because:", err)
		default:
			fmt.Println(tea, "is done")
		}
	}
	// Output:
	// sencha is a dead letter: no tea left
	// hojicha is tried again in 1m0s because: shop is busy
	// genmaicha is done
}
