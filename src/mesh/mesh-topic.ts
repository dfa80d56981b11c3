/** The topic under which the members of a mesh meet. */
import { type Id, topicOf } from '../core/id.js'

export function meshTopic(name: string): Id {
  return topicOf(`swarmlink mesh ${name}`)
}
