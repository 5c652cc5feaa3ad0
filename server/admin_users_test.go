package server

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

func TestUsers(t *testing.T) {
	d := newDesk(t)
	follow := func(channel, id string, n int) {
		ev := &frontdesk.Event{
			Type: frontdesk.TypeFollow, Channel: channel, Timestamp: accepted.Add(time.Duration(n) * time.Second),
			Source: frontdesk.Source{Type: "user", UserID: id},
		}
		if err := d.dir.Note(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	follow("main", "Ua", 1)
	follow("main", "Ub", 2)
	follow("shop", "Ua", 3)
	blocked := &frontdesk.Event{
		Type: frontdesk.TypeUnfollow, Channel: "main", Timestamp: accepted.Add(time.Minute),
		Source: frontdesk.Source{Type: "user", UserID: "Ub"},
	}
	if err := d.dir.Note(t.Context(), blocked); err != nil {
		t.Fatal(err)
	}
	list := func(users []UserRow) string {
		var got []string
		for _, u := range users {
			got = append(got, u.Channel+"/"+u.UserID+"/"+u.State)
		}
		return strings.Join(got, " ")
	}
	tests := []struct {
		name, want, next string
		q                UserQuery
	}{
		{"all", "main/Ua/friend shop/Ua/friend main/Ub/blocked", "", UserQuery{}},
		{"of a channel", "main/Ua/friend main/Ub/blocked", "", UserQuery{Channel: "main"}},
		{"in a state", "main/Ub/blocked", "", UserQuery{State: "blocked"}},
		{"the first", "main/Ua/friend", "main/Ua", UserQuery{Limit: 1}},
		{"behind the first", "shop/Ua/friend", "shop/Ua", UserQuery{After: "main/Ua", Limit: 1}},
		{"behind the second", "main/Ub/blocked", "", UserQuery{After: "shop/Ua"}},
		{"of no channel", "", "", UserQuery{Channel: "none"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			page, err := d.Users(t.Context(), tt.q)
			if err != nil || list(page.Users) != tt.want || page.Next != tt.next {
				t.Errorf("got %q, next %q, %v; want %q, next %q", list(page.Users), page.Next, err, tt.want, tt.next)
			}
		})
	}
	if _, err := d.Users(t.Context(), UserQuery{After: "main/Uz"}); err == nil || !strings.Contains(err.Error(), "begin anew") {
		t.Errorf("behind nobody: got error %v", err)
	}
	users, err := d.User(t.Context(), "", "Ua")
	if err != nil || list(users) != "main/Ua/friend shop/Ua/friend" {
		t.Errorf("user of two channels: got %q, %v", list(users), err)
	}
	if _, err := d.Forget(t.Context(), "shop", "Ua"); err != nil {
		t.Fatal(err)
	}
	users, err = d.User(t.Context(), "", "Ua")
	if err != nil || list(users) != "main/Ua/friend" {
		t.Errorf("forgotten in one channel: got %q, %v", list(users), err)
	}
	if _, err := d.Forget(t.Context(), "", "Ua"); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"show":   errorOf(d.User(t.Context(), "", "Ua")),
		"forget": errorOf(d.Forget(t.Context(), "", "Ua")),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s a forgotten user: got error %v", name, err)
		}
	}
	if page, err := d.Users(t.Context(), UserQuery{}); err != nil || list(page.Users) != "main/Ub/blocked" {
		t.Errorf("the others: got %q, %v", list(page.Users), err)
	}
}

func errorOf[T any](_ T, err error) error { return err }
