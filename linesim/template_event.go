package linesim

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/line-frontdesk/frontdesk/line/rule"
)

// eventMaker makes the contents of one type of event.
type eventMaker struct {
	place     eventPlace
	withToken bool // can be replied to
	withUser  bool // names the user in groups, too
	contents  func(s *Simulator, userID string, now time.Time) jsonObject
}

// eventPlace is where a type of event happens.
type eventPlace int

const (
	anywhere eventPlace = iota
	oneOnOne
	inGroups
	ofTheBot // no chat, no source
)

// eventMakers lists LINE's event types (Messaging API reference, "Webhook event objects"; webhook.yml).
// Messages are made apart.
func eventMakers() map[string]eventMaker {
	fixed := func(name string, value jsonObject) func(*Simulator, string, time.Time) jsonObject {
		return func(*Simulator, string, time.Time) jsonObject { return jsonObject{name: value} }
	}
	nothing := func(*Simulator, string, time.Time) jsonObject { return jsonObject{} }
	who := func(name string) func(*Simulator, string, time.Time) jsonObject {
		return func(_ *Simulator, userID string, _ time.Time) jsonObject {
			return jsonObject{name: jsonObject{"members": []any{jsonObject{"type": "user", "userId": userID}}}}
		}
	}
	messageID := func(s *Simulator, _ string, _ time.Time) jsonObject {
		return jsonObject{"unsend": jsonObject{"messageId": s.nextMessageIDLocked()}}
	}
	expiry := func(_ *Simulator, _ string, now time.Time) jsonObject {
		return jsonObject{"chatControl": jsonObject{"expireAt": now.Add(time.Hour).UnixMilli()}}
	}
	return map[string]eventMaker{
		"message":           {anywhere, true, true, nothing},
		"messageEdited":     {inGroups, true, true, nothing},
		"unsend":            {anywhere, false, false, messageID},
		"follow":            {oneOnOne, true, false, fixed("follow", jsonObject{"isUnblocked": false})},
		"unfollow":          {oneOnOne, false, false, nothing},
		"join":              {inGroups, true, false, nothing},
		"leave":             {inGroups, false, false, nothing},
		"memberJoined":      {inGroups, true, false, who("joined")},
		"memberLeft":        {inGroups, false, false, who("left")},
		"postback":          {anywhere, true, false, fixed("postback", jsonObject{"data": "action=test"})},
		"videoPlayComplete": {oneOnOne, true, false, fixed("videoPlayComplete", jsonObject{"trackingId": "track-1"})},
		"beacon":            {oneOnOne, true, false, fixed("beacon", jsonObject{"hwid": "d41d8cd98f", "type": "enter"})},
		"accountLink":       {oneOnOne, true, false, fixed("link", jsonObject{"result": "ok", "nonce": randomToken(16)})},
		"membership":        {oneOnOne, true, false, fixed("membership", jsonObject{"type": "joined", "membershipId": membershipID})},
		"module":            {ofTheBot, false, false, fixed("module", jsonObject{"type": "attached", "botId": newChatID('U'), "scopes": []any{"message:send"}})},
		"activated":         {anywhere, false, false, expiry},
		"deactivated":       {anywhere, false, false, nothing},
		"botSuspended":      {ofTheBot, false, false, nothing},
		"botResumed":        {ofTheBot, false, false, nothing},
		"delivery":          {oneOnOne, false, false, fixed("delivery", jsonObject{"data": "delivery-tag-1"})},
	}
}

// madeUpLocked makes a valid event of a template's type.
func (s *Simulator) madeUpLocked(t Template) (jsonObject, error) {
	maker, known := eventMakers()[t.Type]
	if !known {
		return nil, fmt.Errorf("%w type: there is no %s, want one of %s; send any other as an event",
			ErrInvalid, quoteID(t.Type), strings.Join(EventTypes(), ", "))
	}
	if t.MessageType != "" && t.Type != "message" {
		return nil, fmt.Errorf("%w messageType: an event of type %s has none", ErrInvalid, t.Type)
	}
	now := time.Now()
	userID, err := s.subjectLocked(t.UserID, maker.place)
	if err != nil {
		return nil, err
	}
	src, err := s.sourceLocked(t.GroupID, userID, maker)
	if err != nil {
		return nil, err
	}
	ev := maker.contents(s, userID, now)
	ev["type"] = t.Type
	if maker.place != ofTheBot {
		ev["source"] = src
	}
	if maker.withToken {
		ev["replyToken"] = "auto"
	}
	if strings.HasPrefix(t.Type, "message") {
		return ev, s.addMessageLocked(ev, t)
	}
	return ev, nil
}

// subjectLocked returns the user that an event is about.
func (s *Simulator) subjectLocked(userID string, place eventPlace) (string, error) {
	switch {
	case userID != "" && !rule.ChatID(userID, "U"):
		return "", fmt.Errorf("%w userId: want U and 32 hexadecimal digits in lower case", ErrInvalid)
	case userID != "" || place == ofTheBot:
		return userID, nil
	case len(s.userOrder) == 0:
		return "", fmt.Errorf("%w userId: there is no user yet, name or add one", ErrInvalid)
	}
	return s.userOrder[0].UserID, nil
}

// sourceLocked returns the source of an event.
func (s *Simulator) sourceLocked(groupID, userID string, maker eventMaker) (jsonObject, error) {
	switch {
	case groupID == "" && maker.place == inGroups:
		if len(s.groupOrder) == 0 {
			return nil, fmt.Errorf("%w groupId: there is no group yet, name or add one", ErrInvalid)
		}
		groupID = s.groupOrder[0].GroupID
	case groupID == "":
		return jsonObject{"type": "user", "userId": userID}, nil
	case maker.place == oneOnOne || maker.place == ofTheBot:
		return nil, fmt.Errorf("%w groupId: such an event does not happen in groups", ErrInvalid)
	}
	if !rule.ChatID(groupID, "CR") {
		return nil, fmt.Errorf("%w groupId: want C or R and 32 hexadecimal digits in lower case", ErrInvalid)
	}
	src := jsonObject{"type": "group", "groupId": groupID}
	if groupID[0] == 'R' {
		src = jsonObject{"type": "room", "roomId": groupID}
	}
	if maker.withUser {
		src["userId"] = userID
	}
	return src, nil
}

// addMessageLocked puts the message into a message or messageEdited event.
func (s *Simulator) addMessageLocked(ev jsonObject, t Template) error {
	m := UserMessage{
		Type: t.MessageType, Text: "Hello", PackageID: "446", StickerID: "1988", FileName: "file.txt",
		Title: "LINE", Address: "1-3 Kioicho, Chiyoda-ku, Tokyo", Latitude: 35.67966, Longitude: 139.73669,
	}
	setDefault(&m.Type, "text")
	media, err := s.mediaOf(m)
	if err != nil {
		return err
	}
	id := s.nextMessageIDLocked()
	content := s.contentMessage(id, m, media)
	if t.Type == "messageEdited" {
		content.MarkAsReadToken = ""
	}
	if media != nil {
		s.contents.put(id, media)
	}
	raw, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("%w message: %s", ErrInvalid, err.Error())
	}
	ev["message"], err = parseObject(raw)
	return err
}
