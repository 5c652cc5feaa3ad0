package linesim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// UserMessage is what a user sends.
type UserMessage struct {
	// Type is text, sticker, image, video, audio, file or location.
	Type string `json:"type"`
	// GroupID sends the message into a group or room that the user is in; empty: to the bot.
	GroupID string `json:"groupId,omitempty"`
	// Text is required for text. In a group, "@" and the name of the bot, of a member, or "All" is a mention.
	Text string `json:"text,omitempty"`
	// QuotedMessageID makes a text or sticker quote an earlier message.
	QuotedMessageID string `json:"quotedMessageId,omitempty"`
	// PackageID and StickerID are required for sticker.
	PackageID string `json:"packageId,omitempty"`
	StickerID string `json:"stickerId,omitempty"`
	// DurationMS is the length of video and audio in milliseconds. Zero: 1,000.
	DurationMS int64 `json:"duration,omitempty"`
	// FileName is required for file. Size is its length in bytes where Content is empty; zero: 1,024.
	FileName string `json:"fileName,omitempty"`
	Size     int64  `json:"size,omitempty"`
	// Title, Address, Latitude and Longitude describe a location.
	Title     string  `json:"title,omitempty"`
	Address   string  `json:"address,omitempty"`
	Latitude  float64 `json:"latitude,omitempty"`
	Longitude float64 `json:"longitude,omitempty"`
	// Content is the picture, video, sound or file. Empty: a small made-up one. It is not copied and
	// must not be changed.
	Content []byte `json:"contentBase64,omitempty"`
	// PreparingMS is how long the content API answers 202 for video and audio, in milliseconds.
	PreparingMS int64 `json:"preparing,omitempty"`
}

// messageContent is a user's message as it stands in the webhook (webhook.yml, MessageContent).
type messageContent struct {
	Type                string           `json:"type"`
	ID                  string           `json:"id"`
	QuoteToken          string           `json:"quoteToken,omitempty"`
	Text                string           `json:"text,omitempty"`
	Mention             *mention         `json:"mention,omitempty"`
	QuotedMessageID     string           `json:"quotedMessageId,omitempty"`
	PackageID           string           `json:"packageId,omitempty"`
	StickerID           string           `json:"stickerId,omitempty"`
	StickerResourceType string           `json:"stickerResourceType,omitempty"`
	Duration            int64            `json:"duration,omitempty"`
	ContentProvider     *contentProvider `json:"contentProvider,omitempty"`
	FileName            string           `json:"fileName,omitempty"`
	FileSize            *int64           `json:"fileSize,omitempty"`
	Title               string           `json:"title,omitempty"`
	Address             string           `json:"address,omitempty"`
	Latitude            *float64         `json:"latitude,omitempty"`
	Longitude           *float64         `json:"longitude,omitempty"`
	MarkAsReadToken     string           `json:"markAsReadToken,omitempty"`
}

type contentProvider struct {
	Type string `json:"type"`
}

// mediaOf checks a message and returns the media that it carries, nil for none.
func (s *Simulator) mediaOf(m UserMessage) (*content, error) {
	missing := func(field string) error {
		return fmt.Errorf("%w message of type %s: %s is missing", ErrInvalid, m.Type, field)
	}
	c := &content{data: m.Content, own: int64(len(m.Content)), mediaType: mediaTypeOf(m.Type, m.Content)}
	made := len(m.Content) == 0
	switch m.Type {
	case "text":
		if m.Text == "" {
			return nil, missing("text")
		}
		return nil, nil
	case "sticker":
		if m.PackageID == "" || m.StickerID == "" {
			return nil, missing("packageId or stickerId")
		}
		return nil, nil
	case "location":
		return nil, nil
	case "image":
		if made {
			c.data, c.mediaType = s.samples.picture, "image/png"
		}
		c.preview = c.data
	case "video":
		if made {
			c.data, c.mediaType = s.samples.video, "video/mp4"
		}
		c.preview = s.samples.picture
	case "audio":
		if made {
			c.data, c.mediaType = s.samples.sound, "audio/wav"
		}
	case "file":
		if m.FileName == "" {
			return nil, missing("fileName")
		}
		if m.Size < 0 || m.Size > maxFileSize {
			return nil, fmt.Errorf("%w size: %d bytes, want 0 to %d", ErrInvalid, m.Size, maxFileSize)
		}
		if made {
			c.data, c.filler = nil, m.Size
			setDefault(&c.filler, 1024)
		}
	default:
		return nil, fmt.Errorf("%w type of message: %s, want text, sticker, image, video, audio, file or location", ErrInvalid, quoteID(m.Type))
	}
	return c, nil
}

// contentMessage makes the message of a webhook from a checked message of a user.
func (s *Simulator) contentMessage(id string, m UserMessage, media *content) messageContent {
	out := messageContent{Type: m.Type, ID: id, MarkAsReadToken: s.readToken(id)}
	switch m.Type {
	case "text":
		out.Text, out.QuotedMessageID = m.Text, m.QuotedMessageID
	case "sticker":
		out.PackageID, out.StickerID, out.QuotedMessageID = m.PackageID, m.StickerID, m.QuotedMessageID
		out.StickerResourceType = "STATIC"
	case "location":
		out.Title, out.Address, out.Latitude, out.Longitude = m.Title, m.Address, &m.Latitude, &m.Longitude
	case "file":
		size := media.size()
		out.FileName, out.FileSize = m.FileName, &size
	case "video", "audio":
		out.Duration = m.DurationMS
		setDefault(&out.Duration, 1000)
		out.ContentProvider = &contentProvider{Type: "line"}
	case "image":
		out.ContentProvider = &contentProvider{Type: "line"}
	}
	switch m.Type {
	case "text", "sticker", "image", "video":
		out.QuoteToken = randomToken(24)
	}
	return out
}

// readToken makes the markAsReadToken of a message. It proves itself by the channel secret, so that none
// needs to be kept: these tokens never run out.
func (s *Simulator) readToken(messageID string) string {
	mac := hmac.New(sha256.New, []byte(s.cfg.ChannelSecret))
	mac.Write([]byte("markAsRead " + messageID))
	return messageID + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// validReadToken reports whether a markAsReadToken was made by readToken.
func (s *Simulator) validReadToken(token string) bool {
	messageID, _, _ := strings.Cut(token, ".")
	return hmac.Equal([]byte(token), []byte(s.readToken(messageID)))
}

// quoteID prints a foreign id for an error: quoted and cut.
func quoteID(id string) string { return fmt.Sprintf("%.60q", id) }
