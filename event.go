package frontdesk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/line/line-bot-sdk-go/v8/linebot/webhook"
)

// Event types of LINE's webhooks that most bots handle. LINE adds types
// without notice: an event of any other type reaches the handler as well, its
// bytes in [Event.Raw]. Source: Messaging API reference, Webhook event objects.
const (
	TypeMessage      = "message"
	TypeEdited       = "messageEdited"
	TypeUnsend       = "unsend"
	TypeFollow       = "follow"
	TypeUnfollow     = "unfollow"
	TypeJoin         = "join"
	TypeLeave        = "leave"
	TypeMemberJoined = "memberJoined"
	TypeMemberLeft   = "memberLeft"
	TypePostback     = "postback"
)

// TypeTimer is the type of the events that are not LINE's: a timer of the
// conversation is due. Their sends are pushes, for there is no reply token.
const TypeTimer = "timer"

// Event is one webhook event, decoded as far as most handlers need it.
// Each attempt at an event gets a value of its own, which the handler may
// change and keep.
type Event struct {
	ID           string    // LINE's webhookEventId; the same for a redelivered event
	Type         string    // one of the Type constants, or a type that came later
	Channel      string    // name of the channel in the configuration
	Conversation string    // group, room or user ID, in this order of preference; "" when the event has no source
	Timestamp    time.Time // when the event happened, by LINE's clock
	Accepted     time.Time // when the front desk took it in
	Mode         string    // "active", or "standby" when another module may answer and this bot must not
	Redelivered  bool      // LINE delivered it again because an earlier delivery was not answered 200
	ReplyToken   string    // "" when the event cannot be replied to; handlers need it only for calls of their own
	Attempt      int       // 1 for the first try

	Source   Source
	Message  *MessageContent // of message and messageEdited events
	Postback *Postback       // of postback events
	Follow   *Follow         // of follow events
	Unsend   *Unsend         // of unsend events
	Timer    *FiredTimer     // of timer events
	Members  []Source        // who came or went, of memberJoined and memberLeft events

	// Match holds the text that a Mux's text pattern matched and its
	// submatches; nil when another rule chose the handler.
	Match []string

	// Raw is the event exactly as LINE sent it. The handler must not change it.
	Raw json.RawMessage
}

// Source says where an event happened and, where LINE tells, who caused it.
type Source struct {
	Type    string `json:"type"`              // "user", "group" or "room"; "" when the event has no source
	UserID  string `json:"userId,omitempty"`  // "" in groups and rooms for users who did not consent, and for join events
	GroupID string `json:"groupId,omitempty"` // only of groups
	RoomID  string `json:"roomId,omitempty"`  // only of rooms
}

// Conversation returns the ID of the chat that the source is in, or "".
func (s Source) Conversation() string {
	switch {
	case s.GroupID != "":
		return s.GroupID
	case s.RoomID != "":
		return s.RoomID
	}
	return s.UserID
}

// MessageContent is what a user sent. Fields of other message types are zero.
type MessageContent struct {
	ID              string  `json:"id"`
	Type            string  `json:"type"` // text, image, video, audio, file, location, sticker, or a later one
	Text            string  `json:"text"`
	QuoteToken      string  `json:"quoteToken"`
	QuotedMessageID string  `json:"quotedMessageId"`
	MarkAsReadToken string  `json:"markAsReadToken"`
	FileName        string  `json:"fileName"`
	FileSize        int64   `json:"fileSize"` // bytes
	Duration        int64   `json:"duration"` // milliseconds, of video and audio
	Title           string  `json:"title"`    // of a location
	Address         string  `json:"address"`
	Latitude        float64 `json:"latitude"`
	Longitude       float64 `json:"longitude"`
	PackageID       string  `json:"packageId"` // of a sticker
	StickerID       string  `json:"stickerId"`

	Mention *Mention `json:"mention"`
}

// Mention lists who a text names with an @.
type Mention struct {
	Mentionees []Mentionee `json:"mentionees"`
}

// Mentionee is one @name. Index and Length count UTF-16 code units of the text.
type Mentionee struct {
	Index  int    `json:"index"`
	Length int    `json:"length"`
	Type   string `json:"type"` // "user" or "all"
	UserID string `json:"userId"`
	IsSelf bool   `json:"isSelf"` // the bot itself is named
}

// Postback is the choice behind a tapped button.
type Postback struct {
	Data   string            `json:"data"`
	Params map[string]string `json:"params"` // picked date or time, or the rich menu that was switched to
}

// Follow tells how a user became a friend.
type Follow struct {
	// IsUnblocked is true when the user had blocked the bot before.
	// LINE calls it not fully accurate.
	IsUnblocked bool `json:"isUnblocked"`
}

// Unsend names the message that its sender took back.
type Unsend struct {
	MessageID string `json:"messageId"`
}

// wireEvent is the part of LINE's event object that Event is made of.
// Objects whose shape differs by event type stay raw until the type is known.
type wireEvent struct {
	Type            string `json:"type"`
	WebhookEventID  string `json:"webhookEventId"`
	Timestamp       int64  `json:"timestamp"` // milliseconds
	Mode            string `json:"mode"`
	ReplyToken      string `json:"replyToken"`
	DeliveryContext struct {
		IsRedelivery bool `json:"isRedelivery"`
	} `json:"deliveryContext"`
	Source   Source          `json:"source"`
	Message  json.RawMessage `json:"message"`
	Postback json.RawMessage `json:"postback"`
	Follow   json.RawMessage `json:"follow"`
	Unsend   json.RawMessage `json:"unsend"`
	Timer    json.RawMessage `json:"timer"`
	Joined   struct {
		Members []Source `json:"members"`
	} `json:"joined"`
	Left struct {
		Members []Source `json:"members"`
	} `json:"left"`
}

// ParseEvent decodes one event object of a webhook. It sets neither Channel,
// Accepted nor Attempt, and keeps raw as [Event.Raw]. An error says which
// field is wrong, never what was in it.
func ParseEvent(raw []byte) (*Event, error) {
	var w wireEvent
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, fieldError("event", err)
	}
	if w.Type == "" {
		return nil, fmt.Errorf("event has no type")
	}
	ev := &Event{
		ID:           w.WebhookEventID,
		Type:         w.Type,
		Conversation: w.Source.Conversation(),
		Timestamp:    time.UnixMilli(w.Timestamp),
		Mode:         w.Mode,
		Redelivered:  w.DeliveryContext.IsRedelivery,
		ReplyToken:   w.ReplyToken,
		Source:       w.Source,
		Raw:          raw,
	}
	switch w.Type {
	case TypeMessage, TypeEdited:
		return ev, part(w.Message, "message", &ev.Message)
	case TypePostback:
		return ev, part(w.Postback, "postback", &ev.Postback)
	case TypeFollow:
		return ev, part(w.Follow, "follow", &ev.Follow)
	case TypeUnsend:
		return ev, part(w.Unsend, "unsend", &ev.Unsend)
	case TypeTimer:
		return ev, part(w.Timer, "timer", &ev.Timer)
	case TypeMemberJoined:
		ev.Members = w.Joined.Members
	case TypeMemberLeft:
		ev.Members = w.Left.Members
	}
	return ev, nil
}

// part decodes the object that only events of one type have. It always
// leaves a value, so that handlers of that type need no nil check.
func part[T any](raw json.RawMessage, name string, into **T) error {
	*into = new(T)
	if len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, *into); err != nil {
		return fieldError(name, err)
	}
	return nil
}

// fieldError keeps the place of a decoding error and leaves out the value,
// which may be a user's text.
func fieldError(object string, err error) error {
	if typ := (*json.UnmarshalTypeError)(nil); errors.As(err, &typ) {
		return fmt.Errorf("%s field %q has the wrong type: got %s", object, typ.Field, kind(typ.Value))
	}
	return fmt.Errorf("%s is not valid JSON", object)
}

// kind cuts the literal that encoding/json appends to the name of a number.
func kind(value string) string {
	word, _, _ := strings.Cut(value, " ")
	return word
}

// SDK decodes the event into the official SDK's type for it, for fields that
// Event leaves out: a webhook.MessageEvent, webhook.BeaconEvent and so on,
// or webhook.UnknownEvent for a type that the SDK does not know.
func (ev *Event) SDK() (webhook.EventInterface, error) {
	sdk, err := webhook.UnmarshalEvent(ev.Raw)
	if err != nil {
		// The SDK's error quotes the event, which may hold a user's text.
		return nil, fmt.Errorf("event %s of type %q does not fit the SDK's type", ev.ID, ev.Type)
	}
	return sdk, nil
}

// Languages of profiles that bots commonly tell apart.
const (
	Japanese = "ja"
	English  = "en"
)

// Profile is what LINE tells of a user. Its texts are the user's own.
type Profile struct {
	UserID        string `json:"userId"`
	DisplayName   string `json:"displayName"`
	Language      string `json:"language,omitempty"` // BCP 47, such as "ja"; "" when the user keeps it private
	PictureURL    string `json:"pictureUrl,omitempty"`
	StatusMessage string `json:"statusMessage,omitempty"`
}
