package line

import "context"

const (
	endpointProfile      = "profile"
	endpointGroupMember  = "group_member"
	endpointRoomMember   = "room_member"
	endpointGroupSummary = "group_summary"
	endpointLeaveGroup   = "leave_group"
	endpointLeaveRoom    = "leave_room"
)

// Profile is what LINE tells about a user. What a user has not set is "".
type Profile struct {
	UserID        string `json:"userId"`
	DisplayName   string `json:"displayName"`
	Language      string `json:"language"` // BCP 47, such as "ja"; only of one's own friends
	PictureURL    string `json:"pictureUrl"`
	StatusMessage string `json:"statusMessage"`
}

// GroupSummary is what LINE tells about a group.
type GroupSummary struct {
	GroupID    string `json:"groupId"`
	GroupName  string `json:"groupName"`
	PictureURL string `json:"pictureUrl"` // "" where the group has none
}

// Profile returns the profile of a friend, or of a user who wrote to the
// channel. The error matches [ErrNotFound] for all others.
func (c *Client) Profile(ctx context.Context, userID string) (*Profile, error) {
	if err := checkUserID(endpointProfile, userID); err != nil {
		return nil, err
	}
	return c.profile(ctx, endpointProfile, "/v2/bot/profile/"+segment(userID))
}

// GroupMemberProfile returns the profile of a member of a group, friend or
// not. Language and status message are not part of it.
func (c *Client) GroupMemberProfile(ctx context.Context, groupID, userID string) (*Profile, error) {
	if err := checkGroupID(endpointGroupMember, groupID); err != nil {
		return nil, err
	}
	if err := checkUserID(endpointGroupMember, userID); err != nil {
		return nil, err
	}
	return c.profile(ctx, endpointGroupMember, "/v2/bot/group/"+segment(groupID)+"/member/"+segment(userID))
}

// RoomMemberProfile is [Client.GroupMemberProfile] for a room, LINE's older
// multi-person chat.
func (c *Client) RoomMemberProfile(ctx context.Context, roomID, userID string) (*Profile, error) {
	if err := checkRoomID(endpointRoomMember, roomID); err != nil {
		return nil, err
	}
	if err := checkUserID(endpointRoomMember, userID); err != nil {
		return nil, err
	}
	return c.profile(ctx, endpointRoomMember, "/v2/bot/room/"+segment(roomID)+"/member/"+segment(userID))
}

func (c *Client) profile(ctx context.Context, endpoint, path string) (*Profile, error) {
	var p Profile
	if err := c.get(ctx, endpoint, path, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

// GroupSummary returns name and picture of a group that the channel is in.
func (c *Client) GroupSummary(ctx context.Context, groupID string) (*GroupSummary, error) {
	if err := checkGroupID(endpointGroupSummary, groupID); err != nil {
		return nil, err
	}
	var g GroupSummary
	if err := c.get(ctx, endpointGroupSummary, "/v2/bot/group/"+segment(groupID)+"/summary", &g); err != nil {
		return nil, err
	}
	return &g, nil
}

// LeaveGroup takes the channel out of a group.
func (c *Client) LeaveGroup(ctx context.Context, groupID string) error {
	if err := checkGroupID(endpointLeaveGroup, groupID); err != nil {
		return err
	}
	return c.post(ctx, endpointLeaveGroup, "/v2/bot/group/"+segment(groupID)+"/leave", nil, nil)
}

// LeaveRoom takes the channel out of a room.
func (c *Client) LeaveRoom(ctx context.Context, roomID string) error {
	if err := checkRoomID(endpointLeaveRoom, roomID); err != nil {
		return err
	}
	return c.post(ctx, endpointLeaveRoom, "/v2/bot/room/"+segment(roomID)+"/leave", nil, nil)
}
