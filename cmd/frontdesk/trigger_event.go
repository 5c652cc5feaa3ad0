package main

import (
	"cmp"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// triggerEvent says what event to make. Empty fields are made up.
type triggerEvent struct {
	kind, text, data string
	user, group      string
	id, messageID    string
	replyToken       string
	redelivery       bool
}

// fields are the properties of a JSON object.
type fields = map[string]any

// eventKind is a kind of event that can be made.
type eventKind struct {
	name     string
	noToken  bool // LINE gives it no reply token
	ofTheBot bool // happens in no chat: it has no source
	// contents returns the properties of its own; nil for none.
	contents func(e triggerEvent) fields
}

// eventKinds lists kinds of messages, then LINE's other event types (Messaging
// API reference, Webhook event objects).
func eventKinds() []eventKind {
	message := func(e triggerEvent) fields { return fields{"type": "message", "message": e.message(e.kind)} }
	fixed := func(name string, value fields) func(triggerEvent) fields {
		return func(triggerEvent) fields { return fields{name: value} }
	}
	who := func(name string) func(triggerEvent) fields {
		return func(e triggerEvent) fields {
			return fields{name: fields{"members": []any{fields{"type": "user", "userId": e.user}}}}
		}
	}
	edited := func(e triggerEvent) fields { return fields{"message": e.message("text")} }
	unsent := func(e triggerEvent) fields { return fields{"unsend": fields{"messageId": cmp.Or(e.messageID, auto)}} }
	postback := func(e triggerEvent) fields { return fields{"postback": fields{"data": e.data}} }
	control := fields{"expireAt": time.Now().Add(time.Hour).UnixMilli()}
	module := fields{"type": "attached", "botId": "U" + strings.Repeat("0", 32), "scopes": []any{"message:send"}}
	return []eventKind{
		{name: "text", contents: message},
		{name: "sticker", contents: message},
		{name: "image", contents: message},
		{name: "video", contents: message},
		{name: "audio", contents: message},
		{name: "file", contents: message},
		{name: "location", contents: message},
		{name: "messageEdited", contents: edited},
		{name: "unsend", noToken: true, contents: unsent},
		{name: "follow", contents: fixed("follow", fields{"isUnblocked": false})},
		{name: "unfollow", noToken: true},
		{name: "join"},
		{name: "leave", noToken: true},
		{name: "memberJoined", contents: who("joined")},
		{name: "memberLeft", noToken: true, contents: who("left")},
		{name: "postback", contents: postback},
		{name: "videoPlayComplete", contents: fixed("videoPlayComplete", fields{"trackingId": "track-1"})},
		{name: "beacon", contents: fixed("beacon", fields{"hwid": "d41d8cd98f", "type": "enter"})},
		{name: "accountLink", contents: fixed("link", fields{"result": "ok", "nonce": randomHex(16)})},
		{name: "membership", contents: fixed("membership", fields{"type": "joined", "membershipId": 1})},
		{name: "delivery", noToken: true, contents: fixed("delivery", fields{"data": "delivery-tag-1"})},
		{name: "activated", noToken: true, contents: fixed("chatControl", control)},
		{name: "deactivated", noToken: true},
		{name: "module", noToken: true, ofTheBot: true, contents: fixed("module", module)},
		{name: "botSuspended", noToken: true, ofTheBot: true},
		{name: "botResumed", noToken: true, ofTheBot: true},
	}
}

// triggerKinds lists the names of the kinds.
func triggerKinds() (names []string) {
	for _, k := range eventKinds() {
		names = append(names, k.name)
	}
	return names
}

// event makes the event. What is not given and differs from event to event is
// auto in it.
func (e triggerEvent) event() (fields, error) {
	kinds := eventKinds()
	i := slices.IndexFunc(kinds, func(k eventKind) bool { return k.name == e.kind })
	if i < 0 {
		return nil, usageErrorf("there is no kind %q; choose one of %s, or send any event with --raw", e.kind, strings.Join(triggerKinds(), ", "))
	}
	ev := fields{
		"type":            e.kind,
		"mode":            "active",
		"timestamp":       auto,
		"webhookEventId":  cmp.Or(e.id, auto),
		"deliveryContext": fields{"isRedelivery": e.redelivery},
	}
	if !kinds[i].ofTheBot {
		ev["source"] = e.source()
	}
	if !kinds[i].noToken {
		ev["replyToken"] = cmp.Or(e.replyToken, auto)
	}
	if contents := kinds[i].contents; contents != nil {
		maps.Copy(ev, contents(e))
	}
	return ev, nil
}

func (e triggerEvent) source() fields {
	src := fields{"type": "user"}
	switch {
	case strings.HasPrefix(e.group, "R"):
		src = fields{"type": "room", "roomId": e.group}
	case e.group != "":
		src = fields{"type": "group", "groupId": e.group}
	}
	// LINE tells no user of what happens to the bot itself.
	ofBot := e.kind == "join" || e.kind == "leave" || strings.HasPrefix(e.kind, "member")
	if e.user != "" && (!ofBot || e.group == "") {
		src["userId"] = e.user
	}
	return src
}

func (e triggerEvent) message(kind string) fields {
	msg := fields{"type": kind, "id": cmp.Or(e.messageID, auto)}
	line := fields{"type": "line"}
	switch kind {
	case "text":
		msg["text"], msg["quoteToken"] = e.text, randomHex(16)
	case "sticker":
		msg["packageId"], msg["stickerId"] = "446", "1988"
		msg["stickerResourceType"], msg["quoteToken"] = "STATIC", randomHex(16)
	case "image":
		msg["contentProvider"], msg["quoteToken"] = line, randomHex(16)
	case "video":
		msg["contentProvider"], msg["duration"], msg["quoteToken"] = line, 60_000, randomHex(16)
	case "audio":
		msg["contentProvider"], msg["duration"] = line, 5_000
	case "file":
		msg["fileName"], msg["fileSize"] = e.text, 2_138
	case "location":
		msg["title"], msg["address"] = e.text, "1-3 Kioicho, Chiyoda-ku, Tokyo, Japan"
		msg["latitude"], msg["longitude"] = 35.67966, 139.73669
	}
	return msg
}

// newEventID makes an ID of the form of LINE's: a ULID.
func newEventID(now time.Time) string {
	// 48 bits of time and 80 random bits in base 32; two zero bits in front
	// make it whole characters, as the form demands.
	var b [17]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:16]) // never fails
	var shifted [17]byte
	for i := range 16 {
		shifted[i] |= b[i] >> 2
		shifted[i+1] = b[i] << 6
	}
	text := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding).EncodeToString(shifted[:])
	return text[:26]
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
