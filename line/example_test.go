package line_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"github.com/line-frontdesk/frontdesk/line"
)

// A push with a retry key may be repeated until its outcome is known: LINE
// accepts it once.
func ExampleClient_Push() {
	tries := 0
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tries++
		w.Header().Set("X-Line-Request-Id", fmt.Sprintf("request-%d", tries))
		if tries == 1 { // accepted, but the bot does not learn it
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("X-Line-Accepted-Request-Id", "request-1")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"message":"The retry key is already accepted"}`)
	}))
	defer platform.Close()

	client, err := line.NewClient(line.Config{BaseURL: platform.URL, Token: line.FixedToken("channel-access-token")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdleConnections()
	msgs, err := line.EncodeMessages(&messaging_api.TextMessage{Text: "Your table is ready."})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		const retryKey = "123e4567-e89b-12d3-a456-426614174000"
		result, err := client.Push(ctx, "U0123456789abcdef0123456789abcdef", msgs, retryKey)
		if err == nil {
			fmt.Println("accepted as", result.AcceptedRequestID)
			return
		}
		fmt.Println(err)
		if !line.Temporary(err) {
			return
		}
	}
	// Output:
	// line: push: status 500 Internal Server Error [request request-1]
	// accepted as request-1
}

// Values and pointers are encoded alike.
func ExampleEncodeMessages() {
	msgs, err := line.EncodeMessages(
		messaging_api.TextMessage{Text: "Hello"},
		&messaging_api.StickerMessage{PackageId: "446", StickerId: "1988"},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range msgs {
		fmt.Println(string(m))
	}
	// Output:
	// {"text":"Hello","type":"text"}
	// {"packageId":"446","stickerId":"1988","type":"sticker"}
}

// Tokens of 15 minutes come from the channel's ID and secret.
func ExampleNewStatelessToken() {
	tokens, err := line.NewStatelessToken(line.StatelessConfig{ChannelID: "1234567890", ChannelSecret: "channel-secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = line.NewClient(line.Config{Token: tokens})
	fmt.Println(tokens, err)
	// Output:
	// stateless channel access token <nil>
}
