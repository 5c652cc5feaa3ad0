package desktest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

// Channel is the name of the channel that events are from.
const Channel = "main"

// Event decodes an event object as LINE sends it, and panics when it is none.
// What is missing of the properties that all events have is filled in.
func Event(raw string) *frontdesk.Event {
	var object map[string]any
	if err := json.Unmarshal([]byte(raw), &object); err != nil {
		panic("desktest: the event is not a JSON object: " + err.Error())
	}
	return event(object)
}

// event makes an event of an object, with what LINE's events have in common.
func event(object map[string]any) *frontdesk.Event {
	now := time.Now()
	whole := map[string]any{
		"webhookEventId":  rand.Text(),
		"timestamp":       now.UnixMilli(),
		"mode":            "active",
		"deliveryContext": map[string]any{"isRedelivery": false},
	}
	maps.Copy(whole, object)
	raw, err := json.Marshal(whole)
	if err != nil {
		panic("desktest: " + err.Error()) // unreachable: it was JSON
	}
	ev, err := frontdesk.ParseEvent(raw)
	if err != nil {
		panic("desktest: " + err.Error())
	}
	ev.Channel, ev.Accepted, ev.Attempt = Channel, now, 1
	return ev
}

// source is where a user's event happens.
func source(userID string) map[string]any { return map[string]any{"type": "user", "userId": userID} }

// TextEvent is a text that a user sent to the bot.
func TextEvent(userID, text string) *frontdesk.Event {
	return MessageEvent(userID, map[string]any{"type": "text", "text": text, "quoteToken": "q"})
}

// MessageEvent is a message of any type that a user sent to the bot: the
// properties are those of LINE's message object. The ID is made up where there
// is none.
func MessageEvent(userID string, message map[string]any) *frontdesk.Event {
	return event(map[string]any{
		"type": frontdesk.TypeMessage, "replyToken": rand.Text(), "source": source(userID), "message": withID(message),
	})
}

// GroupTextEvent is a text that a user sent in a group.
func GroupTextEvent(groupID, userID, text string) *frontdesk.Event {
	return event(map[string]any{
		"type": frontdesk.TypeMessage, "replyToken": rand.Text(),
		"source":  map[string]any{"type": "group", "groupId": groupID, "userId": userID},
		"message": withID(map[string]any{"type": "text", "text": text, "quoteToken": "q"}),
	})
}

// withID returns a message object with an ID.
func withID(message map[string]any) map[string]any {
	whole := map[string]any{"id": fmt.Sprint(time.Now().UnixNano())}
	maps.Copy(whole, message)
	return whole
}

// FollowEvent is a user who became a friend, again after a block if unblocked.
func FollowEvent(userID string, unblocked bool) *frontdesk.Event {
	return event(map[string]any{
		"type": frontdesk.TypeFollow, "replyToken": rand.Text(), "source": source(userID),
		"follow": map[string]any{"isUnblocked": unblocked},
	})
}

// UnfollowEvent is a user who blocked the bot.
func UnfollowEvent(userID string) *frontdesk.Event {
	return event(map[string]any{"type": frontdesk.TypeUnfollow, "source": source(userID)})
}

// JoinEvent is the bot's coming into a group.
func JoinEvent(groupID string) *frontdesk.Event {
	return event(map[string]any{
		"type": frontdesk.TypeJoin, "replyToken": rand.Text(),
		"source": map[string]any{"type": "group", "groupId": groupID},
	})
}

// PostbackEvent is a tap on a button with the given data.
func PostbackEvent(userID, data string) *frontdesk.Event {
	return event(map[string]any{
		"type": frontdesk.TypePostback, "replyToken": rand.Text(), "source": source(userID),
		"postback": map[string]any{"data": data},
	})
}
