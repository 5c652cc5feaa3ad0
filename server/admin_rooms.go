package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/room"
)

// maxRoomBody bounds the body of a request about rooms, in bytes.
const maxRoomBody = 1 << 20

// Room is a room that an operator made.
type Room = room.Record

// RoomRow is a room that an operator made, with its newest message.
type RoomRow struct {
	Room
	Newest *RoomMessage `json:"newest,omitempty"`
}

// RoomMessage is a message of a room.
type RoomMessage = room.Shown

// RoomPage is all rooms that operators made.
type RoomPage struct {
	Rooms []RoomRow `json:"rooms"`
}

// RoomMessages is messages of a room, in order.
type RoomMessages struct {
	Messages []RoomMessage `json:"messages"`
}

// NewRoom is a room to be made.
type NewRoom struct {
	Name    string   `json:"name"` // 1 to 64 of a-z, 0-9 and '-'
	Title   string   `json:"title,omitempty"`
	Public  bool     `json:"public,omitempty"`
	Guests  bool     `json:"guests,omitempty"`
	Bot     bool     `json:"bot,omitempty"`
	Members []string `json:"members,omitempty"`
}

// RoomChange says what of a room becomes different; nil and empty leave it.
type RoomChange struct {
	Title  *string  `json:"title,omitempty"`
	Public *bool    `json:"public,omitempty"`
	Guests *bool    `json:"guests,omitempty"`
	Bot    *bool    `json:"bot,omitempty"`
	Add    []string `json:"add,omitempty"`    // members
	Remove []string `json:"remove,omitempty"` // members
}

// NewRoomToken is a user who is to have a token.
type NewRoomToken struct {
	User     string `json:"user"`
	Name     string `json:"name,omitempty"`
	TTL      string `json:"ttl,omitempty"` // as "1h30m"; "" for an hour
	Operator bool   `json:"operator,omitempty"`
}

// RoomToken is a token for the chat.
type RoomToken struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// Saying is a message that an operator writes into a room.
type Saying struct {
	User string          `json:"user,omitempty"` // "" for "system"
	Name string          `json:"name,omitempty"`
	CID  string          `json:"cid,omitempty"` // names it, so that it can be said again and is stored once; "" makes one up
	Body json.RawMessage `json:"body"`          // a LINE message object
}

func (a *adminAPI) listRooms(r *http.Request) (any, error) {
	records, err := a.chat.Rooms(r.Context())
	if err != nil {
		return nil, err
	}
	newest, err := a.chat.Newest(r.Context(), "*")
	if err != nil {
		return nil, err
	}
	page := RoomPage{Rooms: []RoomRow{}}
	for _, record := range records {
		row := RoomRow{Room: record}
		for i := range newest {
			if newest[i].Room == record.Name {
				row.Newest = &newest[i]
			}
		}
		page.Rooms = append(page.Rooms, row)
	}
	return page, nil
}

func (a *adminAPI) createRoom(r *http.Request) (any, error) {
	var in NewRoom
	if err := readRoomBody(r, &in); err != nil {
		return nil, err
	}
	record, err := a.chat.CreateRoom(r.Context(), room.Record{
		Name: in.Name, Title: in.Title, Public: in.Public, Guests: in.Guests, Bot: in.Bot, Members: in.Members,
	})
	return record, roomError(err)
}

func (a *adminAPI) showRoom(r *http.Request) (any, error) {
	record, err := a.chat.Room(r.Context(), r.PathValue("name"))
	return record, roomError(err)
}

func (a *adminAPI) changeRoom(r *http.Request) (any, error) {
	var in RoomChange
	if err := readRoomBody(r, &in); err != nil {
		return nil, err
	}
	record, err := a.chat.ChangeRoom(r.Context(), r.PathValue("name"), func(rec *room.Record) { in.apply(rec) })
	return record, roomError(err)
}

// apply changes a record.
func (c *RoomChange) apply(rec *room.Record) {
	set(&rec.Title, c.Title)
	set(&rec.Public, c.Public)
	set(&rec.Guests, c.Guests)
	set(&rec.Bot, c.Bot)
	for _, user := range c.Add {
		if !slices.Contains(rec.Members, user) {
			rec.Members = append(rec.Members, user)
		}
	}
	rec.Members = slices.DeleteFunc(rec.Members, func(user string) bool { return slices.Contains(c.Remove, user) })
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

func (a *adminAPI) deleteRoom(r *http.Request) (any, error) {
	record, err := a.chat.Room(r.Context(), r.PathValue("name"))
	if err == nil {
		err = a.chat.DeleteRoom(r.Context(), record.Name)
	}
	return record, roomError(err)
}

func (a *adminAPI) makeRoomToken(r *http.Request) (any, error) {
	var in NewRoomToken
	if err := readRoomBody(r, &in); err != nil {
		return nil, err
	}
	ttl := time.Hour
	if in.TTL != "" {
		var err error
		if ttl, err = parseDuration(in.TTL); err != nil {
			return nil, badRequest("ttl: %q is not %v", in.TTL, err)
		}
	}
	expires := time.Now().Add(ttl).Truncate(time.Second)
	token, err := a.chat.Token(room.Identity{User: in.User, Name: in.Name, Operator: in.Operator, Expires: expires})
	return RoomToken{token, expires}, roomError(err)
}

func (a *adminAPI) sayInRoom(r *http.Request) (any, error) {
	var in Saying
	if err := readRoomBody(r, &in); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	if err := a.chat.Exists(r.Context(), name); err != nil {
		return nil, roomError(err)
	}
	if in.User == "" {
		in.User = room.UserSystem
	}
	if in.CID == "" {
		in.CID = rand.Text()
	}
	id, err := a.chat.Post(r.Context(), room.Post{Room: name, User: in.User, Name: in.Name, CID: in.CID, Body: in.Body})
	return RoomMessage{Room: name, ID: id, At: time.Now().UTC(), User: in.User, Name: in.Name, CID: in.CID, Body: in.Body}, roomError(err)
}

func (a *adminAPI) roomHistory(r *http.Request) (any, error) {
	q := r.URL.Query()
	before, err := number("before", q.Get("before"))
	if err != nil {
		return nil, err
	}
	most, err := rows(q)
	if err != nil {
		return nil, err
	}
	list, err := a.chat.History(r.Context(), r.PathValue("name"), before, most)
	return RoomMessages{list}, roomError(err)
}

// roomError gives the errors of rooms the status that fits them.
func roomError(err error) error {
	switch {
	case errors.Is(err, room.ErrInvalid):
		return badRequest("%v", err)
	case errors.Is(err, room.ErrExists):
		return &refusedError{http.StatusConflict, "there is a room of this name"}
	}
	return err
}

func readRoomBody(r *http.Request, into any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxRoomBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badRequest("body: %v", err)
	}
	return nil
}

// Rooms returns the rooms that operators made.
func (a *Admin) Rooms(ctx context.Context) (page RoomPage, err error) {
	err = a.call(ctx, http.MethodGet, "/rooms", nil, &page)
	return page, err
}

// Room returns a room that an operator made; ErrNotFound when there is none.
func (a *Admin) Room(ctx context.Context, name string) (record Room, err error) {
	err = a.call(ctx, http.MethodGet, roomPath(name), nil, &record)
	return record, err
}

// CreateRoom makes a room.
func (a *Admin) CreateRoom(ctx context.Context, r NewRoom) (record Room, err error) {
	err = a.put(ctx, http.MethodPost, "/rooms", r, &record)
	return record, err
}

// ChangeRoom changes a room.
func (a *Admin) ChangeRoom(ctx context.Context, name string, c RoomChange) (record Room, err error) {
	err = a.put(ctx, http.MethodPatch, roomPath(name), c, &record)
	return record, err
}

// DeleteRoom deletes a room with its messages, and returns what it was.
func (a *Admin) DeleteRoom(ctx context.Context, name string) (was Room, err error) {
	err = a.call(ctx, http.MethodDelete, roomPath(name), nil, &was)
	return was, err
}

// RoomToken makes a token for a user of the chat.
func (a *Admin) RoomToken(ctx context.Context, t NewRoomToken) (token RoomToken, err error) {
	err = a.put(ctx, http.MethodPost, "/room-tokens", t, &token)
	return token, err
}

// Say writes a message into a room of any kind.
func (a *Admin) Say(ctx context.Context, name string, s Saying) (m RoomMessage, err error) {
	err = a.put(ctx, http.MethodPost, roomPath(name)+"/messages", s, &m)
	return m, err
}

// RoomHistory returns the newest messages of a room of any kind before an ID, 0
// for the newest of all, in order: at most 1,000.
func (a *Admin) RoomHistory(ctx context.Context, name string, before uint64, limit int) (list RoomMessages, err error) {
	v := url.Values{}
	setNumber(v, "before", before)
	setNumber(v, "limit", uint64(max(limit, 0)))
	err = a.call(ctx, http.MethodGet, roomPath(name)+"/messages", v, &list)
	return list, err
}

func roomPath(name string) string { return "/rooms/" + url.PathEscape(name) }

// put makes a request with a JSON body and decodes its answer.
func (a *Admin) put(ctx context.Context, method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, adminURL+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	return do(a.http, req, into)
}
