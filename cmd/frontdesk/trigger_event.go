package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// triggerEvent says what event to make. Empty fields are made up.
type triggerEvent struct {
	kind, text, data string
	user, group      string
	id, messageID    string
	replyToken       string
	redelivery       bool
}

// triggerKinds lists the kinds of events that can be made: kinds of messages,
// then LINE's other event types.
func triggerKinds() []string {
	return []string{
		"text", "sticker", "image", "video", "audio", "file", "location",
		"follow", "unfollow", "join", "leave", "memberJoined", "memberLeft", "postback", "unsend",
		"videoPlayComplete", "beacon", "accountLink",
	}
}

// fields are the properties of a JSON object.
type fields map[string]any

// body returns a webhook's body with the event, and the event's ID.
func (e triggerEvent) body(now time.Time) (id string, body []byte, err error) {
	id = e.id
	if id == "" {
		id = newEventID(now)
	}
	ev := fields{
		"mode":            "active",
		"timestamp":       now.UnixMilli(),
		"webhookEventId":  id,
		"deliveryContext": fields{"isRedelivery": e.redelivery},
		"source":          e.source(),
	}
	if err := e.fill(ev, now); err != nil {
		return "", nil, err
	}
	body, err = json.Marshal(fields{"destination": "U" + strings.Repeat("0", 32), "events": []fields{ev}})
	return id, body, err
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

// fill adds what belongs to the kind of event.
func (e triggerEvent) fill(ev fields, now time.Time) error {
	ev["type"] = e.kind
	withToken := true
	switch e.kind {
	case "text", "sticker", "image", "video", "audio", "file", "location":
		ev["type"], ev["message"] = "message", e.message(now)
	case "follow":
		ev["follow"] = fields{"isUnblocked": false}
	case "join":
	case "unfollow", "leave":
		withToken = false
	case "memberJoined":
		ev["joined"] = fields{"members": []fields{{"type": "user", "userId": e.user}}}
	case "memberLeft":
		ev["left"], withToken = fields{"members": []fields{{"type": "user", "userId": e.user}}}, false
	case "postback":
		ev["postback"] = fields{"data": e.data}
	case "unsend":
		ev["unsend"], withToken = fields{"messageId": e.message(now)["id"]}, false
	case "videoPlayComplete":
		ev["videoPlayComplete"] = fields{"trackingId": "track-1"}
	case "beacon":
		ev["beacon"] = fields{"hwid": "d41d8cd98f", "type": "enter"}
	case "accountLink":
		ev["link"] = fields{"result": "ok", "nonce": randomHex(16)}
	default:
		return usageErrorf("there is no kind %q; choose one of %s, or send any event with --raw", e.kind, strings.Join(triggerKinds(), ", "))
	}
	if withToken {
		ev["replyToken"] = e.replyToken
		if e.replyToken == "" {
			ev["replyToken"] = randomHex(16)
		}
	}
	return nil
}

func (e triggerEvent) message(now time.Time) fields {
	msg := fields{"type": e.kind, "id": e.messageID}
	if e.messageID == "" {
		msg["id"] = strconv.FormatInt(now.UnixNano(), 10)
	}
	line := fields{"type": "line"}
	switch e.kind {
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

// wrapRaw makes a webhook's body of what --raw read: a lone event is put into
// one, everything else is sent as it is.
func wrapRaw(raw []byte) (id string, body []byte) {
	root := gjson.ParseBytes(raw)
	if !gjson.ValidBytes(raw) || !root.IsObject() || !root.Get("type").Exists() || root.Get("events").Exists() {
		return root.Get("events.0.webhookEventId").String(), raw
	}
	// Not by json.Marshal, which would change the event's bytes.
	body = slices.Concat([]byte(`{"destination":"U`+strings.Repeat("0", 32)+`","events":[`), bytes.TrimSpace(raw), []byte(`]}`))
	return root.Get("webhookEventId").String(), body
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
