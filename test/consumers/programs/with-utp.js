import WebTorrent from 'webtorrent'

const client = new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false })
client.on('listening', () => client.destroy())
