import wrtc from '@roamhq/wrtc'
import * as polyfill from 'node-datachannel/polyfill'
import { nodeDatachannelEngine } from '../../src/engine/node-datachannel.js'
import { roamhqEngine } from '../../src/engine/roamhq.js'
import { runEngineSuite } from './engine-suite.js'

const nodeDatachannel = nodeDatachannelEngine(polyfill)
const roamhq = roamhqEngine(wrtc)

runEngineSuite('node-datachannel', async () => nodeDatachannel)
runEngineSuite('@roamhq/wrtc', async () => roamhq)
runEngineSuite(
  'node-datachannel dials @roamhq/wrtc',
  async () => nodeDatachannel,
  async () => roamhq,
)
runEngineSuite(
  '@roamhq/wrtc dials node-datachannel',
  async () => roamhq,
  async () => nodeDatachannel,
)
