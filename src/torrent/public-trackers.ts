/** Used for torrents without a WebSocket tracker, when the application names none either. */
export const PUBLIC_TRACKERS = ['wss://tracker.openwebtorrent.com', 'wss://tracker.webtorrent.dev', 'wss://tracker.btorrent.xyz']
