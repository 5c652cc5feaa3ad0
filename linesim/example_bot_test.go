package linesim_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// Bot is a bot as anybody writes it, with LINE's own SDK. It knows nothing of
// the simulator: what it is tested with comes in by its fields.
type Bot struct {
	ChannelSecret string
	API           *messaging_api.MessagingApiAPI
}

// ServeHTTP answers every text in capitals.
func (b *Bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hook, err := webhook.ParseRequest(b.ChannelSecret, r)
	if err != nil {
		http.Error(w, "not LINE's", http.StatusBadRequest)
		return
	}
	for _, event := range hook.Events {
		message, ok := event.(webhook.MessageEvent)
		if !ok {
			continue
		}
		if text, ok := message.Message.(webhook.TextMessageContent); ok {
			_, err := b.API.ReplyMessage(&messaging_api.ReplyMessageRequest{
				ReplyToken: message.ReplyToken,
				Messages:   []messaging_api.MessageInterface{messaging_api.TextMessage{Text: strings.ToUpper(text.Text) + "!"}},
			})
			if err != nil {
				http.Error(w, "no answer", http.StatusInternalServerError)
				return
			}
		}
	}
}

// Test a bot of your own: start the simulator, give the bot its secret, token and
// address, point the webhooks at the bot, and look at the phone.
func Example() {
	sim, err := linesim.New(linesim.Config{})
	if err != nil {
		panic(err)
	}
	line := httptest.NewServer(sim)
	defer line.Close()

	api, err := messaging_api.NewMessagingApiAPI(sim.ChannelAccessToken(), messaging_api.WithEndpoint(line.URL+"/sim/line"))
	if err != nil {
		panic(err)
	}
	bot := httptest.NewServer(&Bot{ChannelSecret: sim.ChannelSecret(), API: api})
	defer bot.Close()
	if err := sim.SetWebhookURL(bot.URL); err != nil {
		panic(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	hanako, err := sim.AddUser(linesim.NewUser{DisplayName: "Hanako", Language: "ja"})
	if err != nil {
		panic(err)
	}
	if _, err := sim.SendText(hanako.UserID, "hello"); err != nil {
		panic(err)
	}
	answers, err := sim.WaitForMessages(ctx, hanako.UserID, linesim.Query{From: linesim.FromBot}, 1)
	if err != nil {
		panic(err)
	}
	fmt.Println(answers[0].Via, answers[0].Text())
	if err := sim.Close(ctx); err != nil {
		panic(err)
	}
	// Output: reply HELLO!
}
