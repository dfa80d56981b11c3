import wrtc from '@roamhq/wrtc'
import * as polyfill from 'node-datachannel/polyfill'
import { nodeDatachannelEngine } from '../../src/engine/node-datachannel.js'
import { roamhqEngine } from '../../src/engine/roamhq.js'
import { runMessagesSuite } from './messages-suite.js'

const nodeDatachannel = nodeDatachannelEngine(polyfill)
const roamhq = roamhqEngine(wrtc)

runMessagesSuite('node-datachannel', async () => nodeDatachannel)
runMessagesSuite('@roamhq/wrtc', async () => roamhq)
runMessagesSuite(
  'node-datachannel dials @roamhq/wrtc',
  async () => nodeDatachannel,
  async () => roamhq,
)
